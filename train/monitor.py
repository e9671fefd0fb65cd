"""`voicewright monitor` by another name."""

from voicewright.cli.main import script

script("monitor")
