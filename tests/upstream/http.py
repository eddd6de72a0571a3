"""An HTTP/1.1 server small and fast enough to play thousands of answers a second, right ones and broken ones.

One request at a time on a connection (no pipelining), which is how every client of ours speaks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import parse_qsl

import httptools

_REASONS = {200: "OK", 302: "Found", 404: "Not Found"}
_ZEROS = bytes(64 * 1024)

# drop: close without a byte. hang: never answer. stall: half the body, then nothing. cut: half the body, then close.
# flood: a body of `length` zeros.
Fault = Literal["", "drop", "hang", "stall", "cut", "flood"]


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Reply:
    """`after` seconds from now; `length` for a body that is not really there."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0
    fault: Fault = ""
    length: int | None = None

    def head(self) -> bytes:
        length = len(self.body) if self.length is None else self.length
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}",
            f"content-type: {self.content_type}",
            f"content-length: {length}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


Handler = Callable[[Request], Reply]


class Connection(asyncio.Protocol):
    """One client. The callbacks named `on_…` are the parser's."""

    def __init__(self, handler: Handler, connections: set["Connection"]) -> None:
        self._handler = handler
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour only
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        self._left = 0
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode(),
            path=path,
            query=dict(parse_qsl(query)) if query else {},
            headers=self._headers,
            body=b"".join(self._body),
        )
        self._begin()
        reply = self._handler(request)
        if reply.after:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(reply.after, self._answer, reply)
        else:
            self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        transport = self._transport
        if transport is None or reply.fault == "hang":
            return
        if reply.fault == "drop":
            transport.abort()
            return
        if reply.fault in ("stall", "cut"):
            transport.write(reply.head() + reply.body[: len(reply.body) // 2])
            if reply.fault == "cut":
                transport.close()
            return
        transport.write(reply.head() + reply.body)
        if reply.fault == "flood":
            self._left = reply.length or 0
            self._flood()

    def _flood(self) -> None:
        """A part at a time, so that others get their turn; `resume_writing` goes on when the client lags."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._left <= 0:
            return
        part = _ZEROS[: self._left]
        self._left -= len(part)
        transport.write(part)
        if transport.get_write_buffer_size() <= len(_ZEROS):
            asyncio.get_running_loop().call_soon(self._flood)

    def resume_writing(self) -> None:
        self._flood()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Server:
    """Listens for one handler. All methods belong on its event loop."""

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._handler = handler
        self._host = host
        self.port = port
        self._listening: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host  # noqa: S104
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            lambda: Connection(self._handler, self._connections),
            self._host,
            self.port,
            backlog=4096,
            reuse_address=True,
        )
        self.port = self._listening.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """No more connections, and none of the present ones."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for connection in tuple(self._connections):
            connection.close()

    async def refuse(self, seconds: float) -> None:
        """Nobody there for a while: connections are refused, then taken on the same port."""
        # The answer to whoever asked for this goes out first.
        await asyncio.sleep(0.01)
        self.stop()
        await asyncio.sleep(seconds)
        await self.start()
