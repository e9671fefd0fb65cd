"""The decision to deploy or not, and what to try next."""
