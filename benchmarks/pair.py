"""`voicewright pair` by another name."""

from voicewright.cli.main import script

script("pair")
