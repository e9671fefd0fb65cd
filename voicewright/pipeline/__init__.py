"""Stages and runs: what runs in which order, which run is meant, and what needs several packages at once."""
