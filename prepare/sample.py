"""`voicewright sample` by another name."""

from voicewright.cli.main import script

script("sample")
