"""Which parts of files go along with a question: those that share its rarest words (BM25), as many as fit.

No model and no index: a file is cut and scored in milliseconds when it is asked about, so it works on any machine.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CHUNK = 700
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# How much a word counts again, and how much long parts are held back: the usual values of BM25.
_AGAIN, _LENGTH = 1.5, 0.75
# Words of questions that say nothing about what is asked; only where others are there.
_COMMON = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "does", "for", "from", "has", "have",
        "how", "i", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "please", "tell", "that",
        "the", "their", "there", "these", "this", "those", "to", "was", "we", "were", "what", "when", "where",
        "which", "who", "why", "will", "with", "would", "you", "your",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and the name it is quoted by."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Chunk:
    source: int
    number: int
    text: str
    words: Counter[str]


def excerpt(texts: Sequence[Text], question: str, *, most_bytes: int) -> str:
    """Parts of the texts in their own order, each under its file's name; no more bytes than given."""
    chunks = [
        _Chunk(source, number, part, Counter(words(part)))
        for source, one in enumerate(texts)
        for number, part in enumerate(cut(one.text))
    ]
    taken: list[_Chunk] = []
    left = most_bytes - sum(len(one.name.encode()) + 3 for one in texts)
    is_whole = sum(len(one.text.encode()) + 2 for one in chunks) <= left
    for chunk in chunks if is_whole else _ranked(chunks, question):
        size = len(chunk.text.encode()) + 2
        if size <= left:
            taken.append(chunk)
            left -= size
    return _written(texts, sorted(taken, key=lambda one: (one.source, one.number)))


def cut(text: str) -> list[str]:
    """Parts of some hundred characters: paragraphs together, long ones at the end of a sentence or where they must."""
    found: list[str] = []
    for piece in _pieces(text):
        if found and len(found[-1]) + len(piece) < _CHUNK:
            found[-1] += f"\n{piece}"
        else:
            found.append(piece)
    return found


def _pieces(text: str) -> Iterable[str]:
    for line in re.split(r"[\n\f]+", text):
        plain = line.strip()
        if len(plain) <= _CHUNK:
            if plain:
                yield plain
            continue
        for sentence in _SENTENCE.split(plain):
            yield from (sentence[at : at + _CHUNK] for at in range(0, len(sentence), _CHUNK))


def words(text: str) -> list[str]:
    """Words in small letters, the plural taken for the singular."""
    return [_singular(word) for word in _WORD.findall(text.lower())]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _ranked(chunks: Sequence[_Chunk], question: str) -> list[_Chunk]:
    """Those that share a word with the question, best first. Where none does ("summarise it"), all from the start."""
    asked = set(words(question))
    asked = asked - _COMMON or asked
    rarity = _rarity(chunks, asked)
    usual = sum(one.words.total() for one in chunks) / max(len(chunks), 1)
    scores = [_score(one, rarity, usual) for one in chunks]
    if not any(scores):
        return list(chunks)
    order = sorted(range(len(chunks)), key=lambda index: (-scores[index], index))
    return [chunks[index] for index in order if scores[index]]


def _rarity(chunks: Sequence[_Chunk], asked: set[str]) -> dict[str, float]:
    count = len(chunks)
    found = {word: sum(word in one.words for one in chunks) for word in asked}
    return {
        word: math.log(1 + (count - holding + 0.5) / (holding + 0.5))
        for word, holding in found.items()
        if holding
    }


def _score(chunk: _Chunk, rarity: dict[str, float], usual: float) -> float:
    held_back = _AGAIN * (1 - _LENGTH + _LENGTH * chunk.words.total() / max(usual, 1))
    total = 0.0
    for word, worth in rarity.items():
        times = chunk.words[word]
        if times:
            total += worth * times * (_AGAIN + 1) / (times + held_back)
    return total


def _written(texts: Sequence[Text], chunks: Sequence[_Chunk]) -> str:
    lines: list[str] = []
    source = -1
    for chunk in chunks:
        if chunk.source != source:
            source = chunk.source
            lines.append(f"[{texts[source].name}]")
        lines.append(chunk.text)
    return "\n".join(lines)
