"""Gemini's streams as chunks of a chat. Nothing in them says that it is the last: every answer has been finished."""

from typing import Any

from apps.providers.base import Access
from apps.providers.llm import chat, chat_shapes, google_answers, reading
from apps.providers.llm.base import Call, Piece
from apps.providers.llm.streams import EventDecoder


class ChatDecoder(EventDecoder):
    def __init__(self, call: Call, access: Access) -> None:
        super().__init__(access)
        self._chunks = chat_shapes.Chunks(call.model, is_old=chat.is_old(call.body))
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[int, int] = {}

    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        self._chunks.id = reading.text(fields.get("responseId")) or self._chunks.id
        self._chunks.model = reading.text(fields.get("modelVersion")) or self._chunks.model
        made: list[Piece] = []
        for candidate in google_answers.candidates(fields):
            said = candidate.get("index")
            self._candidate(said if type(said) is int else 0, candidate, made)
        used = google_answers.used_by(fields)
        if used is not None:
            # It may come alone, after the end.
            made = made or [self._chunks.bare()]
            made[-1].usage = used
        pieces += made

    def _may_end(self) -> bool:
        return bool(self._finished) and self._open <= self._finished

    def _candidate(self, index: int, candidate: dict[str, Any], made: list[Piece]) -> None:
        self._open.add(index)
        for part in google_answers.parts(candidate):
            piece = self._part(index, part)
            if piece is not None:
                made.append(piece)
        reason = candidate.get("finishReason")
        if reason and index not in self._finished:
            self._finished.add(index)
            word = google_answers.finish(reason, has_calls=index in self._calls)
            made.append(self._chunks.piece({}, index=index, finish=word))

    def _part(self, index: int, part: dict[str, Any]) -> Piece | None:
        if call := google_answers.call_of(part):
            number = self._calls.get(index, 0)
            self._calls[index] = number + 1
            return self._chunks.call(number, call, index=index)
        text = reading.text(part.get("text"))
        if not text:
            return None
        if part.get("thought"):
            return self._chunks.reasoning(text, index=index)
        return self._chunks.content(text, index=index)
