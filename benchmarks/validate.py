"""`voicewright validate` by another name."""

from voicewright.cli.main import script

script("validate")
