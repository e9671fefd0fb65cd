"""`voicewright score` by another name."""

from voicewright.cli.main import script

script("score")
