"""One HTTP/1.1 connection as a client: one request at a time, its answer read while it comes in.

llhttp parses. What is ours is only what lies between it and whoever reads (docs/decisions/0013-llm-lane.md says why).
"""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from apps.core.writing import Writer

# Of all header fields of an answer together, with those of informational answers before it.
_HEAD_BYTES = 256 * 1024
# Nothing more is received while so much is unread.
_UNREAD_BYTES = 256 * 1024
_BOUNDS = frozenset({"content-length", "transfer-encoding"})


class Broken(ConnectionError):
    """The connection ended before its time, or the other side speaks something else."""


class Connection(asyncio.Protocol):
    """Made by `pool`. Between two answers it rests: what comes in then ends it, and so does its time."""

    def __init__(self, on_lost: Callable[["Connection"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._transport: asyncio.Transport
        self._writer: Writer
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._until = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self.is_lost = False
        self.is_resting = False
        # How many requests it has carried.
        self.asked = 0

    # ---------------------------------------------------------------------- asking
    def ask(self, request: list[bytes], *, without_body: bool) -> None:
        """Send a request; `without_body`: its answer has none, whatever its head says."""
        self.asked += 1
        self.is_resting = False
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.is_complete = False
        self._without_body = without_body
        self._is_kept = False
        self._is_bounded = False
        self._error: Exception | None = None
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._unread = 0
        self._is_paused = False
        self._writer.write(b"".join(request))

    async def head(self, until: float) -> None:
        """Wait for `status` and `headers`, until a time of the loop's clock. Raises Broken or TimeoutError."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait(until)

    async def read(self, until: float) -> bytes:
        """What has come of the body, or comes next; empty at its end. Raises Broken or TimeoutError."""
        while not self._pieces:
            if self.is_complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait(until)
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._is_paused and not self.is_lost:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    @property
    def has_answered(self) -> bool:
        """Whether anything came since the request."""
        return self._head_bytes > 0

    @property
    def is_usable(self) -> bool:
        """Whether it still stands, as far as is known."""
        return not self.is_lost and not self._transport.is_closing()

    @property
    def is_reusable(self) -> bool:
        """Whether the answer has come to its end and another request may follow."""
        return (
            self.is_complete
            and self._is_kept
            and self.is_usable
            # An answer may be complete before its request is.
            and not self._transport.get_write_buffer_size()
        )

    def rest(self, seconds: float) -> None:
        """Wait for the next request, at most so long."""
        self.is_resting = True
        self._by(self._loop.time() + seconds)

    def cut(self) -> None:
        """End it now, whatever is under way. Safe to repeat."""
        self._transport.abort()

    # -------------------------------------------------------------------- waiting
    async def _wait(self, until: float) -> None:
        self._by(until)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _by(self, until: float) -> None:
        # A timer that is due earlier looks by itself how long is left: thus most waits set none.
        self._until = until
        if self._timer is None or self._timer_at > until:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer(until)

    def _set_timer(self, until: float) -> None:
        self._timer_at = until
        self._timer = self._loop.call_at(until, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        if self._loop.time() < self._until:
            self._set_timer(self._until)
        elif self.is_resting:
            self.cut()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ------------------------------------------------------------------- transport
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's derives from nothing
        self._writer = Writer(self._transport)

    def data_received(self, data: bytes) -> None:
        if self.is_resting or not self.asked or self._parser is None:
            # Nobody has asked.
            self.cut()
            return
        if not self.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail()
        else:
            if not self.status and self._head_bytes > _HEAD_BYTES:
                self._fail()
        if self._unread > _UNREAD_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self.status:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        # It holds on to us.
        self._parser = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.asked and not self.is_complete:
            if self.status and not self._is_bounded and self._error is None and error is None:
                self.is_complete = True
            else:
                self._fail()
        self._wake()
        self._on_lost(self)

    def _fail(self) -> None:
        if self.is_complete:
            # What follows an answer is not part of it.
            self._is_kept = False
            return
        self._error = self._error or Broken()
        self._wake()

    # --------------------------------------------------------------------- parser
    def on_message_begin(self) -> None:
        if self.status:
            # A second answer to one request.
            self._is_kept = False
            raise Broken

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:
            text = name.decode("latin-1").lower()
            self.headers.append((text, value.decode("utf-8", "surrogateescape")))
            self._is_bounded |= text in _BOUNDS

    def on_headers_complete(self) -> None:
        status = self._required().get_status_code()
        if 100 <= status < 200:
            self.headers.clear()
            self._is_bounded = False
            return
        self.status = status
        self.is_complete = self._without_body

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self._pieces.append(data)
            self._unread += len(data)

    def on_message_complete(self) -> None:
        if self.status and not self.is_complete:
            self._is_kept = self._required().should_keep_alive()
            self.is_complete = True

    def _required(self) -> httptools.HttpResponseParser:
        if self._parser is None:
            raise Broken
        return self._parser
