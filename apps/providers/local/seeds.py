"""Seeds: what a customer gave, or one drawn for them and told, so that any result can come again."""

import hashlib
import secrets
from typing import Any

import numpy as np


def seed_from(value: Any) -> int:
    """The seed asked for; a fresh one where none, or a negative one, was given."""
    return secrets.randbelow(2**31) if value is None or int(value) < 0 else int(value)


def random_for(prompt: str, seed: int) -> np.random.Generator:
    """Its own stream for every prompt, so that one seed does not give all prompts one result."""
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
