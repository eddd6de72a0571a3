"""HTTP servers on this machine, for what speaks HTTP."""

import http.server
import socket
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
