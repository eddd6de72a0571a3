"""HTTP/1.1 towards clients: uvicorn's own, with a shorter way out for answers that are whole before they leave.

uvicorn looks at every header field by itself, when the answer is sent, and writes head and body apart. A whole answer
of the LLM lane is put into bytes while its row is being committed, and leaves in one write as soon as that is done.
For `uvicorn --http apps.gateway.http:Protocol`; with any other server answers go the usual way.
"""

from collections.abc import Sequence

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

# In the scope's `extensions`.
EXTENSION = "modelyard.whole"


class WholeAnswer:
    """The way out for the one answer of a request, in place of ASGI's messages."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

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
        cycle.transport.write(answer)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


class Protocol(HttpToolsProtocol):
    """A connection of a client."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["method"] != "HEAD":
            cycle.scope["extensions"] = {EXTENSION: WholeAnswer(cycle)}  # type: ignore[dict-item]
        super()._start_asgi_task(cycle, app)
