"""Everything a stage writes down, typed. `docs/schemas/` is generated from these models."""
