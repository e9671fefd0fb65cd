"""Generations, measures, blind verdicts and the decision."""
