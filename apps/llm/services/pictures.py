"""How many pictures are in the answer of a chat whose price asks for it.

Nobody reports that: such models show a picture as Markdown in their text, or beside it in `images`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from apps.llm.services.holding import Held
from apps.providers.llm.base import Answer, Piece

_SHOWN = re.compile(r"!\[[^\]]{0,1000}\]\(\s*<?(?:https?://|data:image/)", re.IGNORECASE)
_ASKED_BY = "request_without_image"


class Pictures:
    """Reads one answer; for all other prices it does nothing."""

    def __init__(self, held: Held | None) -> None:
        self._is_wanted = held is not None and _ASKED_BY in held.price.rates
        self._texts: list[str] = []
        self._beside = 0

    def add(self, pieces: Sequence[Piece]) -> None:
        if not self._is_wanted:
            return
        for piece in pieces:
            # A picture's address may come in several pieces.
            self._texts.append(piece.text)
            self._beside += sum(_beside(piece.data, "delta"))

    def add_whole(self, answer: Answer) -> None:
        if not self._is_wanted:
            return
        for message in _said(answer.body, "message"):
            if isinstance(text := message.get("content"), str):
                self._texts.append(text)
        self._beside += sum(_beside(answer.body, "message"))

    @property
    def count(self) -> int:
        if not self._is_wanted:
            return 0
        return self._beside + len(_SHOWN.findall("".join(self._texts)))


def _said(data: Any, where: str) -> Iterator[dict[str, Any]]:
    choices = data.get("choices") if isinstance(data, dict) else None
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and isinstance(choice.get(where), dict):
            yield choice[where]


def _beside(data: Any, where: str) -> Iterator[int]:
    for said in _said(data, where):
        images = said.get("images")
        yield len(images) if isinstance(images, list) else 0
