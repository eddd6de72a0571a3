"""Words that refuse a prompt, prepared for looking up, and the list that the platform comes with."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DEFAULTS = Path(__file__).with_name("banned_words.txt")


@dataclass(frozen=True)
class DefaultWord:
    word: str
    group: str


@cache
def default_words() -> tuple[DefaultWord, ...]:
    """In the order of the file; a line that starts with # names the group of those below it."""
    found, group = [], ""
    for line in _DEFAULTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            group = line.lstrip("# ")
        elif line.strip():
            found.append(DefaultWord(normalised(line), group))
    return tuple(found)


def normalised(word: str) -> str:
    """As it is stored and compared: lower case, one space between words, none around."""
    return " ".join(unicodedata.normalize("NFC", word).lower().split())


@dataclass(frozen=True)
class BannedWords:
    """A list of entries; `of` makes it.

    An entry with a space is found anywhere in the lower-cased prompt. One of letters only is found
    as a whole word, words being what is left when the prompt is split at all that is not a letter of
    some script. Any other entry ("r34") could never be such a word: it is found where no letter or
    digit touches it.
    """

    words: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    others: tuple[tuple[str, re.Pattern[str]], ...] = ()

    @classmethod
    def of(cls, entries: Iterable[str]) -> "BannedWords":
        listed = sorted({normalised(entry) for entry in entries} - {""})
        return cls(
            frozenset(entry for entry in listed if entry.isalpha()),
            tuple(entry for entry in listed if " " in entry),
            tuple(
                (entry, re.compile(rf"(?<![^\W_]){re.escape(entry)}(?![^\W_])"))
                for entry in listed
                if " " not in entry and not entry.isalpha()
            ),
        )

    def first_in(self, prompt: str) -> str:
        """The entry that stands first in the prompt (of two at one place the longer); "" if none.

        Looks once at the prompt as it is, and if it is more than ASCII once more with letters of
        double width and the like made plain and invisible characters left out, as they are used to
        get past such a list.
        """
        lowered = prompt.lower()
        found = self._first(lowered)
        return found if found or lowered.isascii() else self._first(_plain(lowered))

    def _first(self, text: str) -> str:
        hits = [*self._word_hits(text), *self._other_hits(text)]
        return min(hits)[2] if hits else ""

    def _word_hits(self, text: str) -> Iterator[tuple[int, int, str]]:
        letters = "".join(char if char.isalpha() else " " for char in text)
        for match in re.finditer(r"\S+", letters):
            if match[0] in self.words:
                yield match.start(), -len(match[0]), match[0]
                return

    def _other_hits(self, text: str) -> Iterator[tuple[int, int, str]]:
        for phrase in self.phrases:
            if phrase in text:
                yield text.index(phrase), -len(phrase), phrase
        for entry, pattern in self.others:
            if match := pattern.search(text):
                yield match.start(), -len(entry), entry


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in plain if unicodedata.category(char) != "Cf")
