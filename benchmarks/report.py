"""`voicewright report` by another name."""

from voicewright.cli.main import script

script("report")
