"""`voicewright merge` by another name."""

from voicewright.cli.main import script

script("merge")
