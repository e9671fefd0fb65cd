"""Models behind OpenAI-compatible endpoints, by way of vLLM."""
