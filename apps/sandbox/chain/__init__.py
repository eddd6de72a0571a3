"""A real EVM chain in memory, with dollar tokens that cost nothing."""
