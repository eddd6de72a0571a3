"""HTTP/1.1 towards clients: uvicorn's own, with a shorter way for what is whole, in and out.

uvicorn looks at every header field by itself, when the answer is sent, and writes head and body apart. A whole answer
of the LLM lane is put into bytes while its row is being committed, and leaves in one write as soon as that is done. A
body that has come with its head need not be waited for, with a timer.
For `uvicorn --http apps.gateway.http:Protocol`; with any other server requests and answers go the usual way.
"""

import asyncio
from collections.abc import Sequence
from typing import cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from apps.core.writing import Writer

# In the scope's `extensions`.
EXTENSION = "modelyard.whole"


class ShortWay:
    """The way in and out for one request, in place of ASGI's messages."""

    __slots__ = ("_cycle", "_writer")

    def __init__(self, cycle: RequestResponseCycle, writer: Writer) -> None:
        self._cycle = cycle
        self._writer = writer

    def arrived(self) -> bytes | None:
        """The request's body where all of it is here, once; None: it is to be received."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        cycle.message_event.clear()
        cycle.flow.resume_reading()
        return body

    def written(self, status: int, head: Sequence[tuple[bytes, bytes]], body: bytes) -> bytes:
        """The answer as it goes on the wire. `head` says how long the body is."""
        cycle = self._cycle
        lines = [b"%s: %s\r\n" % one for one in (*cycle.default_headers, *head)]
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        fields = b"".join(lines)
        if fields.count(b"\n") != len(lines) or fields.count(b"\r") != len(lines):
            raise RuntimeError("a header field has more than one line")
        return b"".join((STATUS_LINE[status], fields, b"\r\n", body))

    async def send(self, answer: bytes) -> None:
        """What `RequestResponseCycle.send` does for a head and for the last of a body."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        self._writer.write(answer)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


class Protocol(HttpToolsProtocol):
    """A connection of a client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._writer = Writer(cast(asyncio.Transport, transport))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["method"] != "HEAD":
            cycle.scope["extensions"] = {EXTENSION: ShortWay(cycle, self._writer)}  # type: ignore[dict-item]
        super()._start_asgi_task(cycle, app)
