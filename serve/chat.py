"""`voicewright chat` by another name."""

from voicewright.cli.main import script

script("chat")
