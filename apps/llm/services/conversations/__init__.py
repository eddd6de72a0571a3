"""Conversations that are kept: their rounds, their files, what of both goes along with a question, and assistants."""
