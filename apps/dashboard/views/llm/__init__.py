"""Language models: the chat playground, what was used, the log of calls, and whether what is said is kept."""
