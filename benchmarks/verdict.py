"""`voicewright verdict` by another name."""

from voicewright.cli.main import script

script("verdict")
