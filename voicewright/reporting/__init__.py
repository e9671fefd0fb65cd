"""The pages that a run ends in: the report, the comparison of runs, the guide for testers."""
