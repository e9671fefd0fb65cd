"""Checks of the rows before hours of training; their results are in stats.json."""
