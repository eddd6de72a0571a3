"""Whether a text belongs to one of OpenAI's categories of harm.

Not a classifier: a list of phrases that say it outright, and the likeness of each sentence to example sentences
(MiniLM). It finds what is plainly said in English and misses what is veiled; the scores rank,
they are no probabilities.
"""

import math
import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from apps.providers.local.arrays import Floats
from apps.providers.local.chat.examples import EXAMPLES, HARMLESS, PHRASES
from apps.providers.local.meaning import vectors
from apps.providers.local.sessions import Once

FLAGGED = 0.5
_NEAR = 0.52  # the likeness to an example at which a sentence counts as one of its kind
_MARGIN = 0.06  # and how much nearer it has to be than to any harmless example
_STEEPNESS = 24
_OUTRIGHT = 0.95
_MOST_SENTENCES = 200
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")


def scores(texts: Sequence[str]) -> list[dict[str, float]]:
    """For each text a number between 0 and 1 for each category; from `FLAGGED` on it belongs to it."""
    parts = [_sentences(text) for text in texts]
    rows = vectors([sentence for part in parts for sentence in part])
    found, at = [], 0
    for text, part in zip(texts, parts, strict=True):
        found.append(_scored(text, rows[at : at + len(part)]))
        at += len(part)
    return found


def _sentences(text: str) -> list[str]:
    """And the whole, for what is said across a full stop."""
    found = [part.strip() for part in _SENTENCE.findall(text)]
    return [text.strip()[:2000], *[part for part in found if len(part) > 3][:_MOST_SENTENCES]]


def _scored(text: str, rows: Floats) -> dict[str, float]:
    harmless = (rows @ _harmless().T).max(1)
    found = {}
    for category, examples in _examples().items():
        near = (rows @ examples.T).max(1)
        excess = float(np.minimum(near - _NEAR, near - harmless - _MARGIN).max())
        said = _OUTRIGHT if _phrases(category).search(text) else 0.0
        found[category] = round(max(said, 1 / (1 + math.exp(-_STEEPNESS * excess))), 4)
    return found


@cache
def _phrases(category: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(PHRASES.get(category, ['(?!)']))})\b", re.IGNORECASE)


_harmless = Once(lambda: vectors(HARMLESS))
_examples = Once(lambda: {category: vectors(texts) for category, texts in EXAMPLES.items()})
