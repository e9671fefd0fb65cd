"""`voicewright render` by another name."""

from voicewright.cli.main import script

script("render")
