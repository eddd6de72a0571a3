"""What the local model server answers with: a small language model, its ears, its voice, its judgement.

Everything loads on first use, after a fork, and once per process; nothing here looks at the network.
"""
