"""`voicewright train` by another name."""

from voicewright.cli.main import script

script("train")
