"""Models behind OpenAI-compatible endpoints: the client that asks them, and vLLM servers of a run's models."""
