"""The command line: every command, once, for `voicewright`, make and the scripts."""
