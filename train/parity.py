"""`voicewright parity` by another name."""

from voicewright.cli.main import script

script("parity")
