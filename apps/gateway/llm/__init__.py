"""`/v1/*`: language models in the interfaces that programs already speak."""
