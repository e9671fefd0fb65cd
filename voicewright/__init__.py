"""What every stage shares: recipes, the layout of a run, environments, records and errors."""
