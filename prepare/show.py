"""`voicewright show` by another name."""

from voicewright.cli.main import script

script("show")
