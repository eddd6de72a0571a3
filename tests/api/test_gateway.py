"""One origin: /v1 on the event loop, all else in Django on threads, with bodies and clients as they come."""

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from apps.gateway.app import app as gateway
from config import asgi
from config.wsgi_threads import WsgiThreads


class Client:
    """An ASGI server's side of one request."""

    def __init__(self, *body: bytes, leaves: bool = False) -> None:
        self._messages = [
            {"type": "http.request", "body": part, "more_body": n + 1 < len(body) or leaves}
            for n, part in enumerate(body or (b"",))
        ]
        self._leaves = leaves
        self.asked = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self._messages:
            return self._messages.pop(0)
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def scope(path: str = "/", method: str = "POST", headers: Any = ()) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"a=1",
        "http_version": "1.1",
        "headers": list(headers),
        "client": ("198.51.100.1", 1234),
        "server": ("127.0.0.1", 8000),
    }


def run(app: Any, client: Client, **request: Any) -> Client:
    asyncio.run(asyncio.wait_for(app(scope(**request), client.receive, client.send), 10))
    return client


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with what it was given."""
    start_response(
        "200 OK", [("Content-Type", "text/plain"), ("X-Length", environ["CONTENT_LENGTH"])]
    )
    return [environ["wsgi.input"].read()]


def threads(app: Any, max_body: int = 1000) -> WsgiThreads:
    return WsgiThreads(app, threads=2, max_body=max_body)


@pytest.mark.parametrize("path", ["/v1", "/v1/chat/nothing", "/v1/é"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "TRACE"])
def test_unknown_route_of_the_gateway_is_an_envelope(path: str, method: str):
    client = run(asgi.application, Client(), path=path, method=method)

    assert client.status == 404
    assert b'"message":"404 page not found"' in client.body
    assert client.headers[b"x-request-id"] in client.body


def test_gateway_keeps_the_callers_request_id():
    client = run(gateway, Client(), headers=[(b"x-request-id", b"abcdefgh-1")])

    assert client.headers[b"x-request-id"] == b"abcdefgh-1"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/v1/task/x/events", "/api/v1/task/x/events/"])
def test_event_streams_are_the_gateways(path: str):
    client = run(asgi.application, Client(), path=path, method="GET")

    assert (client.status, client.headers[b"www-authenticate"]) == (401, b"Bearer")
    assert b"x-frame-options" not in client.headers


@pytest.mark.parametrize(
    "path",
    ["/api/no/such", "/v10", "/docs/api", "/api/v1/task/x/events/y", "/api/v1/task//events"],
)
def test_everything_else_is_djangos(path: str):
    client = run(asgi.application, Client(), path=path, method="OPTIONS")

    assert client.status in (404, 405)
    assert b"x-frame-options" in client.headers


@pytest.mark.parametrize("parts", [(b"",), (b"hello",), (b"he", b"", b"llo"), (b"a" * 999, b"b")])
def test_body_reaches_the_application_with_its_length(parts: tuple[bytes, ...]):
    whole = b"".join(parts)
    told = [(b"content-length", str(len(whole)).encode())]

    for headers in (told, [(b"transfer-encoding", b"chunked")]):
        client = run(threads(echo), Client(*parts), headers=headers)
        assert client.body == whole
        assert client.headers[b"x-length"] == str(len(whole)).encode()
        assert client.headers[b"content-length"] == str(len(whole)).encode()


def test_large_body_goes_through_a_file():
    parts = [b"x" * 300_000] * 10

    client = run(
        threads(echo, max_body=4_000_000),
        Client(*parts),
        headers=[(b"content-length", b"3000000")],
    )

    assert client.body == b"".join(parts)


def test_body_that_announces_too_much_is_not_read():
    client = run(threads(echo), Client(b"x"), headers=[(b"content-length", b"1001")])

    assert (client.asked, client.body, client.headers[b"x-length"]) == (0, b"", b"1001")


def test_body_that_turns_out_too_long_is_cut_and_told():
    client = run(
        threads(echo), Client(b"x" * 900, b"y" * 900), headers=[(b"transfer-encoding", b"chunked")]
    )

    assert int(client.headers[b"x-length"]) > 1000
    assert client.body == b"x" * 900


def test_client_that_leaves_while_sending_reaches_nobody():
    called: list[Any] = []

    client = run(
        threads(lambda *arguments: called.append(arguments)),
        Client(b"half", leaves=True),
        headers=[(b"content-length", b"8")],
    )

    assert (called, client.sent) == ([], [])


class Download:
    """A streamed answer that says when it was closed."""

    streaming = True

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.closed = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> "Download":
        start_response("200 OK", [("Content-Length", str(self.left * 3))])
        return self

    def __iter__(self) -> "Download":
        return self

    def __next__(self) -> bytes:
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return b"abc"

    def close(self) -> None:
        self.closed.set()


def test_streamed_answer_arrives_piece_by_piece_and_is_closed():
    download = Download(5)

    client = run(threads(download), Client(), method="GET")

    assert client.body == b"abc" * 5
    assert len(client.sent) == 7
    assert download.closed.is_set()


def test_download_ends_when_the_client_leaves():
    download = Download(1_000_000)

    client = run(threads(download), Client(leaves=True), method="GET")

    assert download.closed.is_set()
    assert download.left > 900_000
    assert client.status == 200


def test_headers_with_an_underscore_cannot_pass_for_others():
    seen: dict[str, Any] = {}

    def note(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("204 No Content", [])
        return [b""]

    headers = [
        (b"x-forwarded-for", b"203.0.113.7"),
        (b"x_forwarded_for", b"10.0.0.1"),
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"content-type", b"text/plain"),
    ]
    client = run(threads(note), Client(), headers=headers, path="/é")

    assert seen["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
    assert (seen["HTTP_X_A"], seen["CONTENT_TYPE"]) == ("1,2", "text/plain")
    assert (seen["PATH_INFO"].encode("latin-1").decode(), seen["QUERY_STRING"]) == ("/é", "a=1")
    assert (seen["REMOTE_ADDR"], seen["CONTENT_LENGTH"]) == ("198.51.100.1", "")
    assert b"content-length" not in client.headers


def test_fault_of_the_application_reaches_the_server():
    def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        run(threads(broken), Client())


def test_lifespan_is_answered_and_sockets_are_turned_away():
    async def lifespan() -> list[str]:
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        client = Client()

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        await asgi.application({"type": "lifespan"}, receive, client.send)
        await asgi.application({"type": "websocket", "path": "/"}, client.receive, client.send)
        return [message["type"] for message in client.sent]

    assert asyncio.run(lifespan()) == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
        "websocket.close",
    ]
