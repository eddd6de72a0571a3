"""A customer's endpoint: a local HTTP server that notes what it gets and answers as told, by path."""

import http.server
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers[path]` is called with the handler; paths without one acknowledge."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: dict[str, Callable[["Handler"], None]] = field(default_factory=dict)
    peak: Counter[str] = field(default_factory=Counter)
    is_over: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _now: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def bodies(self, path: str = "/hook") -> list[bytes]:
        return [got.body for got in self.got if got.path == path]

    @contextmanager
    def taking(self, got: Got) -> Iterator[None]:
        with self._lock:
            self.got.append(got)
            self._now[got.path] += 1
            self.peak[got.path] = max(self.peak[got.path], self._now[got.path])
        self.arrived.release()
        try:
            yield
        finally:
            with self._lock:
                self._now[got.path] -= 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        got = Got(self.path, headers, body)
        with self.receiver.taking(got):
            try:
                self.receiver.answers.get(self.path, status(200))(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    """Answer with this; header names are written with underscores."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: Handler) -> None:
    """Take the request and say nothing."""
    handler.receiver.is_over.wait(30)
    handler.close_connection = True


def hang_in_the_body(handler: Handler) -> None:
    """A good beginning, and then nothing more."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    hang(handler)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with _Server(("127.0.0.1", 0), type("Answering", (Handler,), {"receiver": receiver})) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.is_over.set()
            server.shutdown()
            thread.join()
