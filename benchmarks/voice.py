"""`voicewright voice` by another name."""

from voicewright.cli.main import script

script("voice")
