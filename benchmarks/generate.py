"""`voicewright generate` by another name."""

from voicewright.cli.main import script

script("generate")
