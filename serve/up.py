"""`voicewright serve` by another name."""

from voicewright.cli.main import script

script("serve")
