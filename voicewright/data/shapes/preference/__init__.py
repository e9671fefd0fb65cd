"""Shapes whose rows are a better and a worse reply, for DPO."""
