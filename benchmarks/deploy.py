"""`voicewright deploy` by another name."""

from voicewright.cli.main import script

script("deploy")
