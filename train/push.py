"""`voicewright push` by another name."""

from voicewright.cli.main import script

script("push")
