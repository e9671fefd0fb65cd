"""`python -m voicewright`."""

from voicewright.cli.main import main

main()
