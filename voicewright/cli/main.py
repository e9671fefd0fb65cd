"""The command line: `voicewright`, `make` and the scripts of the top-level folders, defined once here."""

from __future__ import annotations

import os
import sys

from voicewright.cli import decide, evaluate, prepare, runs, serve, train
from voicewright.cli.command import Group
from voicewright.core.paths import IS_CHECKOUT, PROJECT_DIR

cli = Group(
    "voicewright",
    help="Give a language model your voice, and know whether it worked.",
    epilog='Shell completion: eval "$(_VOICEWRIGHT_COMPLETE=bash_source voicewright)" (or zsh_source, fish_source).',
)
for module in (prepare, train, serve, evaluate, decide, runs):
    for each in module.COMMANDS:
        cli.add_command(each)


def main() -> None:
    """The console script."""
    if not IS_CHECKOUT:  # what is started in another folder works on the same project
        os.environ["VOICEWRIGHT_HOME"] = str(PROJECT_DIR)
    cli.main()


def script(command: str) -> None:
    """What a script of the top-level folders runs: the command of that name with the words of its call."""
    cli.main([command, *sys.argv[1:]])
