"""A writer's material in; clean, token-bounded, split training rows out."""
