"""Shapes whose rows are raw text."""
