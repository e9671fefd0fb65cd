"""`voicewright decide` by another name."""

from voicewright.cli.main import script

script("decide")
