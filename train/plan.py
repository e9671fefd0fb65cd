"""`voicewright plan` by another name."""

from voicewright.cli.main import script

script("plan")
