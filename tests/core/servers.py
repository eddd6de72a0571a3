"""HTTP servers on this machine, for what speaks HTTP."""

import http.server
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Handler = http.server.BaseHTTPRequestHandler


@dataclass
class Served:
    """A running server and the paths it was asked for."""

    port: int
    paths: list[str] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _V6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(
    answer: Callable[[Handler], None], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[Served]:
    """A server whose GET is `answer`; gone when the block ends."""
    served = Served(0)

    class Answering(Handler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            served.paths.append(self.path)
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client hung up, which is what some tests want

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            pass

    kind = _V6 if ":" in host else http.server.ThreadingHTTPServer
    with kind((host, 0), Answering) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        served.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def reply(body: bytes, **headers: str) -> Callable[[Handler], None]:
    """An answer of 200 with this body; header names are written with underscores."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirect(target: str, status: int = 302) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


class _Raw(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that leaves every connection to `talk`, one thread each; yields its port."""

    class Talking(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                talk(self.request)
            except OSError:
                return  # the client hung up, which is what some tests want

    with _Raw(("127.0.0.1", 0), Talking) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def heard(connection: socket.socket) -> bytes:
    """One request as it came: its head, and as much of a body as that announces. Empty when the client is gone."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65536)
        if not piece:
            return b""
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    announced = re.search(rb"(?i)content-length: *(\d+)", head)
    while announced and len(body) < int(announced[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
