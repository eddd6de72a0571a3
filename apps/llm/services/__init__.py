"""Calls of language models: money, accounts, limits and the way of a call. `calls` is where one begins."""
