"""`voicewright checkpoints` by another name."""

from voicewright.cli.main import script

script("checkpoints")
