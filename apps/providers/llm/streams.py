"""What all decoders of server-sent events have in common."""

from abc import ABC, abstractmethod
from typing import Any

from apps.providers.base import Access, ProviderError
from apps.providers.llm import reading
from apps.providers.llm.base import Piece
from apps.providers.llm.sse import Events

_DONE = b"[DONE]"
_MOST_PLAIN_BYTES = 1024 * 1024


class EventDecoder(ABC):
    """A subclass says what an event is (`_take`) and whether the stream may end here (`_may_end`).

    What came well before an error in the same bytes is given out first; the error is raised when asked again.
    """

    def __init__(self, access: Access) -> None:
        self.is_complete = False
        self._access = access
        self._events = Events()
        self._error: ProviderError | None = None
        self._has_begun = False
        # A server that knows no streams, or that failed before it began one, answers with plain JSON.
        self._is_plain = False
        self._plain = bytearray()

    def feed(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        if self._error is not None:
            raise self._error
        if not self._has_begun:
            self._begin(data)
        if self._is_plain:
            self._keep(data)
            return pieces
        try:
            for name, body in self._events.feed(data):
                self._event(name, body, pieces)
        except ProviderError as error:
            self._later(error, pieces)
        return pieces

    def close(self) -> list[Piece]:
        pieces: list[Piece] = []
        if self._error is not None:
            raise self._error
        if self._is_plain:
            raise self._meant()
        for name, body in self._events.close():
            self._event(name, body, pieces)
        if not self.is_complete and not self._may_end():
            raise reading.cut()
        self.is_complete = True
        return pieces

    def _event(self, name: str, body: bytes, pieces: list[Piece]) -> None:
        if self.is_complete:
            return
        if body == _DONE:
            self.is_complete = True
            return
        fields = reading.parsed(body)
        if fields.get("error"):
            raise reading.told(fields, self._access)
        if name == "error" or fields.get("object") == "error":
            raise reading.told({"error": fields}, self._access)
        self._take(name, fields, pieces)

    @abstractmethod
    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        """Add what the event is. Raises ProviderError."""

    @abstractmethod
    def _may_end(self) -> bool:
        """Whether all has been said, although nothing said so."""

    def _later(self, error: ProviderError, pieces: list[Piece]) -> None:
        if not pieces:
            raise error
        self._error = error

    def _begin(self, data: bytes) -> None:
        start = data.lstrip()
        self._has_begun = bool(start)
        self._is_plain = start[:1] in (b"{", b"[")

    def _keep(self, data: bytes) -> None:
        self._plain += data
        if len(self._plain) > _MOST_PLAIN_BYTES:
            raise reading.unreadable()

    def _meant(self) -> ProviderError:
        """Google puts such an error into a list."""
        plain = bytes(self._plain).strip().removeprefix(b"[").removesuffix(b"]")
        fields = reading.parsed(plain)
        return reading.told(fields, self._access) if fields.get("error") else reading.unreadable()
