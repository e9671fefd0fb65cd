"""`voicewright simulate` by another name."""

from voicewright.cli.main import script

script("simulate")
