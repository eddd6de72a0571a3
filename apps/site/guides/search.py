"""Words in the guides, in the language of the page. There are a dozen texts in memory: no index is needed.

Chinese has no blanks between words: what is typed is looked for as it stands, and where that is nowhere, in pairs of
letters, since most of its words are two.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.site.guides import Guide, every_guide
from apps.site.guides.markdown import Section

MOST_CHARACTERS = 100
_MOST_WORDS = 8
_MOST_OF_A_GUIDE = 3
_AROUND = 90
_TITLE, _HEADING, _TEXT = 20, 8, 1
_CHINESE = "\u4e00-\u9fff"
_WORD = re.compile(rf"[{_CHINESE}]+|[^\W{_CHINESE}](?:[^\W{_CHINESE}]|[./-])*")
_PAIR = re.compile(rf"[{_CHINESE}]{{1,2}}|[^{_CHINESE}]+")
# Two characters of one word. Chinese text, with its punctuation, may be cut anywhere.
_IN_A_WORD = re.compile(r"[^\s\u3000-\u9fff\uff00-\uffef]{2}")


@dataclass(frozen=True)
class Piece:
    """A part of an excerpt; `is_hit`: it is one of the words that were looked for."""

    text: str
    is_hit: bool


@dataclass(frozen=True)
class Hit:
    """A section that has every word, in its text or in the titles above it."""

    guide: Guide
    section: Section
    excerpt: tuple[Piece, ...]
    score: int


def search(query: str) -> list[Hit]:
    """The sections with all words of the query, those that say them in a title first; at most three of a guide."""
    words = _WORD.findall(query[:MOST_CHARACTERS].lower())
    pairs = [pair for word in words for pair in _PAIR.findall(word)]
    return _found(words[:_MOST_WORDS]) or (_found(pairs[:_MOST_WORDS]) if pairs != words else [])


def _found(words: list[str]) -> list[Hit]:
    if not words:
        return []
    found = [hit for guide in every_guide() for hit in _best_of(guide, words)]
    return sorted(found, key=lambda hit: -hit.score)


def _best_of(guide: Guide, words: list[str]) -> list[Hit]:
    hits = sorted(_hits(guide, words), key=lambda hit: -hit.score)
    return hits[:_MOST_OF_A_GUIDE]


def _hits(guide: Guide, words: list[str]) -> Iterator[Hit]:
    title = f"{guide.page.title} {guide.page.summary}".lower()
    for section in guide.page.sections:
        heading, text = section.title.lower(), section.text.lower()
        scores = [_score(word, title, heading, text) for word in words]
        # The title alone is a hit of the guide, not of each of its sections.
        is_here = not section.anchor or any(word in heading or word in text for word in words)
        if all(scores) and is_here:
            yield Hit(guide, section, _excerpt(section.text, words), sum(scores))


def _score(word: str, title: str, heading: str, text: str) -> int:
    return (
        (_TITLE if word in title else 0)
        + (_HEADING if word in heading else 0)
        + _TEXT * min(text.count(word), 5)
    )


def _excerpt(text: str, words: list[str]) -> tuple[Piece, ...]:
    """The text around the first of the words, whole words at both ends."""
    any_word = re.compile("|".join(re.escape(word) for word in words), re.IGNORECASE)
    first = any_word.search(text)
    at = first.start() if first else 0
    start = _edge(text, at - _AROUND, -1)
    end = _edge(text, at + 2 * _AROUND, +1)
    cut = text[start:end]
    pieces, here = [], 0
    for hit in any_word.finditer(cut):
        pieces += [Piece(cut[here : hit.start()], False), Piece(hit.group(), True)]
        here = hit.end()
    pieces.append(Piece(cut[here:], False))
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    whole = [Piece(before, False), *pieces, Piece(after, False)]
    return tuple(piece for piece in whole if piece.text)


def _edge(text: str, at: int, step: int) -> int:
    """The place at or beyond this one, by steps, where no word is cut."""
    at = min(max(at, 0), len(text))
    while 0 < at < len(text) and _IN_A_WORD.fullmatch(text[at - 1 : at + 1]):
        at += step
    return at
