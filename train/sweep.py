"""`voicewright sweep` by another name."""

from voicewright.cli.main import script

script("sweep")
