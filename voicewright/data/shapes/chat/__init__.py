"""Shapes whose rows are conversations, the loss on the voice's turns alone."""
