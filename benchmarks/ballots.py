"""`voicewright ballots` by another name."""

from voicewright.cli.main import script

script("ballots")
