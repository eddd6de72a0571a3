"""Texts of any length as vectors (all-MiniLM-L6-v2), with the number of tokens read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.providers.local.arrays import Floats
from apps.providers.local.meaning import vectors
from apps.providers.local.sessions import Once
from apps.providers.local.weightstore import WEIGHTS
from apps.providers.local.wordpiece import WordPiece

DIMENSIONS = 384
WINDOW = 126  # what the network reads at once, without its two marks
LONGEST = 8192
_words = Once(lambda: WordPiece(WEIGHTS.path("bert_vocab.txt")))


@dataclass(frozen=True)
class Windows:
    """One text in pieces that the network can read, with the tokens of each."""

    texts: list[str]
    tokens: list[int]

    @property
    def total(self) -> int:
        return sum(self.tokens)


def windows(text: str) -> Windows:
    """Cut between words. A text without any is one empty piece."""
    made = Windows([], [])
    piece: list[str] = []
    size = 0
    for word in text.split():
        tokens = _size(word)
        if piece and size + tokens > WINDOW:
            made.texts.append(" ".join(piece))
            made.tokens.append(size)
            piece, size = [], 0
        piece.append(word)
        size += tokens
    made.texts.append(" ".join(piece))
    made.tokens.append(size)
    return made


def _size(word: str) -> int:
    return len(_words().encode(word, longest=len(word) + 2)) - 2


def embedded(texts: Sequence[Windows]) -> Floats:
    """A row of length 1 for each text; of one in pieces the mean of these, long ones counting more."""
    rows = vectors([piece for text in texts for piece in text.texts])
    found = np.zeros((len(texts), DIMENSIONS), np.float32)
    at = 0
    for index, text in enumerate(texts):
        part = rows[at : at + len(text.texts)]
        mean = (part * np.maximum(text.tokens, 1)[:, None]).sum(0)
        found[index] = mean / np.linalg.norm(mean)
        at += len(text.texts)
    return found
