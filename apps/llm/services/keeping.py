"""What was said in a call, for workspaces that want it kept: collected while it goes by, written beside the call."""

import logging

import orjson

from apps.core.threads import in_thread
from apps.llm.services import contents
from apps.llm.services.questions import Question
from apps.providers.llm.base import Answer, Piece

log = logging.getLogger(__name__)

# A little more than what is kept of an answer.
_MOST_CHARACTERS = contents.MOST_BYTES + 1


class Said:
    """The answer of one call as text. Costs nothing where nothing is kept."""

    __slots__ = ("_parts", "_question", "_size")

    def __init__(self, question: Question) -> None:
        self._question = question
        self._parts: list[str] = []
        self._size = 0

    @property
    def is_kept(self) -> bool:
        return self._question.identity.content_days > 0

    def add(self, pieces: list[Piece]) -> None:
        """What is about to go to the customer."""
        if not self.is_kept or self._size >= _MOST_CHARACTERS:
            return
        for piece in pieces:
            self._parts.append(piece.text)
            self._size += len(piece.text)

    def add_whole(self, answer: Answer) -> None:
        if not self.is_kept:
            return
        body = answer.body
        if isinstance(body, bytes):
            self._parts = [f"({len(body)} bytes of {answer.content_type})"]
        else:
            self._parts = [orjson.dumps(body, default=str).decode()]

    async def write(self) -> None:
        """Keep it. Nobody waits for this, and a call is not worse for what could not be kept."""
        question = self._question
        try:
            await in_thread(
                contents.keep,
                question.call_id,
                question.identity.workspace_id,
                question.body,
                "".join(self._parts),
                question.identity.content_days,
            )
        except Exception as error:
            log.warning("content not kept", extra={"error": type(error).__name__})
