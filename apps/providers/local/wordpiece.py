"""The tokenizer of BERT: lower-case words, cut into the longest pieces its vocabulary holds."""

import re
import unicodedata
from pathlib import Path

LONGEST_WORD = 100
_WORDS = re.compile(r"[^\W_]+|[^\w\s]|_")


class WordPiece:
    """Turns text into the numbers that a BERT model with this vocabulary was trained on."""

    def __init__(self, vocabulary: Path) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").split("\n")
        self.ids = {token.rstrip("\r"): number for number, token in enumerate(tokens) if token}
        self.unknown = self.ids["[UNK]"]

    def encode(self, text: str, *, longest: int = 128) -> list[int]:
        """At most `longest` numbers, from [CLS] to [SEP]."""
        pieces = [number for word in self._words(text) for number in self._pieces(word)]
        return [self.ids["[CLS]"], *pieces[: longest - 2], self.ids["[SEP]"]]

    def _words(self, text: str) -> list[str]:
        plain = unicodedata.normalize("NFD", text.lower())
        return _WORDS.findall("".join(c for c in plain if unicodedata.category(c) != "Mn"))

    def _pieces(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self.unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            end = self._longest(word, start)
            if end == start:
                return [self.unknown]
            found.append(self.ids[self._piece(word, start, end)])
            start = end
        return found

    def _longest(self, word: str, start: int) -> int:
        for end in range(len(word), start, -1):
            if self._piece(word, start, end) in self.ids:
                return end
        return start

    @staticmethod
    def _piece(word: str, start: int, end: int) -> str:
        return word[start:end] if start == 0 else f"##{word[start:end]}"
