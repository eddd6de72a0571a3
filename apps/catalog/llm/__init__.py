"""The models of the LLM lane: what they are, by which names they are called, what they cost."""
