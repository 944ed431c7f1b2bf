"""A model in other forms: merged, or restored from GGUF."""
