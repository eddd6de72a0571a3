"""A WSGI application on an event loop's threads.

A thread is busy only while the application works: the body is read before one is asked, and a file that is downloaded
slowly takes one for each piece it reads, not for the minutes between. An ordinary answer costs one hop to a thread and
one back; that, and that slow clients cannot hold threads, is why this is not an existing adapter.
"""

import asyncio
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
# Larger bodies wait in a temporary file.
_MEMORY_BYTES = 1024 * 1024


class _ClientGone(Exception):
    pass


@dataclass
class _Answer:
    """What the application said: its body, or the iterator of a streamed one."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    stream: Any = None

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """WSGI's `start_response`."""
        self.status = int(status[:3])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return _refuse_write


def _refuse_write(data: bytes) -> None:
    raise NotImplementedError("The application must return its body.")


class WsgiThreads:
    """An ASGI application that runs a WSGI one, at most `threads` requests at a time.

    No more than `max_body` bytes of a request's body are taken. Of a body that says it is longer nothing is read; the
    application sees its length and an empty input, and refuses it as its own rule says.
    """

    def __init__(
        self,
        application: Callable[[dict[str, Any], Any], Iterable[bytes]],
        *,
        threads: int,
        max_body: int,
    ) -> None:
        self._application = application
        self._max_body = max_body
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body, length = await self._body(scope, receive)
        except _ClientGone:
            return
        with body:
            environ = _environ(scope, body, length)
            answer = await self._in_thread(self._run, environ)
            await send(
                {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
            )
            if answer.stream is None:
                await send({"type": "http.response.body", "body": answer.body})
            else:
                await self._stream(answer.stream, receive, send)

    def _run(self, environ: dict[str, Any]) -> _Answer:
        answer = _Answer()
        result = self._application(environ, answer.start)
        if getattr(result, "streaming", False):
            answer.stream = result
            return answer
        try:
            answer.body = b"".join(result)
        finally:
            _close(result)
        if _may_have_length(answer):
            answer.headers.append((b"content-length", str(len(answer.body)).encode()))
        return answer

    async def _stream(self, result: Any, receive: Receive, send: Send) -> None:
        """Piece by piece, each read when the one before it has been sent, until the client leaves."""
        gone = asyncio.ensure_future(_until_gone(receive))
        pieces: Iterator[bytes] = iter(result)
        try:
            while not gone.done() and (piece := await self._in_thread(next, pieces, None)):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            await self._in_thread(_close, result)

    async def _body(self, scope: Scope, receive: Receive) -> tuple[IO[bytes], str]:
        """The whole body, and its length as the application is told. Raises _ClientGone."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"").decode("latin-1")
        if declared.isdecimal() and int(declared) > self._max_body:
            return io.BytesIO(), declared
        if not declared and b"transfer-encoding" not in headers:
            return io.BytesIO(), ""
        body = tempfile.SpooledTemporaryFile(_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        size = 0
        try:
            async for piece in _pieces(receive):
                size += len(piece)
                if size > self._max_body:
                    break
                body.write(piece)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body, str(size)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


async def _pieces(receive: Receive) -> Any:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _may_have_length(answer: _Answer) -> bool:
    has_body = answer.status >= 200 and answer.status not in (204, 304)
    return has_body and all(name != b"content-length" for name, _ in answer.headers)


def _close(result: Any) -> None:
    close = getattr(result, "close", None)
    if close is not None:
        close()


def _environ(scope: Scope, body: IO[bytes], length: str) -> dict[str, Any]:
    """PEP 3333's environment. Headers with an underscore are left out: they could pass for ones with a hyphen."""
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" not in raw_name:
            name = raw_name.decode("latin-1").upper().replace("-", "_")
            value = raw_value.decode("latin-1")
            key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
            environ[key] = f"{environ[key]},{value}" if key in environ else value
    # What was read, not what was announced: also for a body that came in chunks.
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = length
    return environ
