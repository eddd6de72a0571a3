"""Whole answers that leave in one write: what stands on the wire, and that a connection goes on as uvicorn means it."""

import fcntl
import socket
import termios
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from apps.gateway.http import EXTENSION, ShortWay
from tests.llm_upstream.running import Running

BODY = b'{"path":"%s"}'


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with its path, whole where that is possible; /lines tries to smuggle a header in, /echo says the body."""
    way_out = scope.get("extensions", {}).get(EXTENSION)
    body = BODY % scope["raw_path"]
    head = [(b"x-way", b"whole" if way_out else b"asgi"), (b"content-length", b"%d" % len(body))]
    if scope["path"] == "/echo":
        await echo(way_out, receive)
        return
    if scope["path"] == "/lines":
        head.append((b"x-more", b"a\r\nset-cookie: b=c"))
    if way_out is not None:
        await way_out.send(way_out.written(200, head, body))
        return
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def echo(short: ShortWay, receive: Receive) -> None:
    """The body, and how it came: at once, or by ASGI's messages."""
    arrived, way = short.arrived(), b"short"
    if arrived is None:
        arrived, way = b"", b"asgi"
        while True:
            message = await receive()
            arrived += message.get("body", b"")
            if not message.get("more_body"):
                break
    head = [(b"x-in", way), (b"content-length", b"%d" % len(arrived))]
    await short.send(short.written(200, head, arrived))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Running(app) as running:
        yield int(running.url.rpartition(":")[2])


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as made:
        yield made


def asked(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: a", *fields, "", ""]).encode()


def posted(body: bytes, *fields: str, length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return asked("/echo", *fields, f"content-length: {length}", method="POST") + body


def wait_until_read(connection: socket.socket) -> None:
    """The server has taken what was sent: nothing of it is left on its way."""
    while fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4) != b"\0" * 4:
        continue


def read(connection: socket.socket, *, until: bytes) -> bytes:
    """What comes, up to these bytes."""
    found = b""
    while until not in found and (data := connection.recv(65536)):
        found += data
    return found


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    return read(connection, until=b"\0")


def test_head_and_body_are_one_answer_and_the_connection_stays(connection: socket.socket):
    for path in ("/a", "/b"):
        connection.sendall(asked(path))
        body = BODY % path.encode()
        head, _, rest = read(connection, until=body).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"HTTP/1.1 200 OK"
        assert {b"x-way: whole", b"content-length: %d" % len(body)} <= set(lines)
        assert sum(line.startswith(b"date: ") for line in lines) == 1
        assert rest == body


def test_requests_sent_at_once_are_answered_in_their_order(connection: socket.socket):
    connection.sendall(asked("/1") + asked("/2") + asked("/3", "connection: close"))

    answers = read_all(connection)

    places = [answers.index(BODY % path) for path in (b"/1", b"/2", b"/3")]
    assert places == sorted(places)
    assert answers.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    "request_", [asked("/a", "connection: close"), asked("/a", version="1.0")], ids=["asked", "1.0"]
)
def test_the_last_answer_says_so_and_ends_the_connection(
    connection: socket.socket, request_: bytes
):
    connection.sendall(request_)

    head, _, body = read_all(connection).partition(b"\r\n\r\n")

    assert b"connection: close" in head.split(b"\r\n")
    assert body == BODY % b"/a"


def test_a_field_of_two_lines_never_leaves(connection: socket.socket):
    connection.sendall(asked("/lines"))

    answer = read_all(connection)

    assert answer.startswith(b"HTTP/1.1 500")
    assert b"set-cookie" not in answer


def test_an_answer_to_head_goes_the_usual_way(connection: socket.socket):
    connection.sendall(asked("/a", "connection: close", method="HEAD"))

    head, _, body = read_all(connection).partition(b"\r\n\r\n")

    assert b"x-way: asgi" in head
    assert body == b""


def test_a_body_that_came_with_its_head_is_not_waited_for(connection: socket.socket):
    for body in (b"one", b"another"):
        connection.sendall(posted(body))
        assert b"x-in: short" in read(connection, until=b"\r\n\r\n" + body)


def test_a_body_that_comes_later_is_received(connection: socket.socket):
    whole = posted(b"x" * 500_000)
    connection.sendall(whole[:200])
    wait_until_read(connection)
    connection.sendall(whole[200:])

    answer = read(connection, until=b"x" * 500_000)

    assert b"x-in: asgi" in answer


def test_who_asks_before_sending_a_body_is_told_to(connection: socket.socket):
    connection.sendall(posted(b"", "expect: 100-continue", length=3))
    assert read(connection, until=b"\r\n\r\n").startswith(b"HTTP/1.1 100")

    connection.sendall(b"abc")

    assert read(connection, until=b"abc").endswith(b"\r\n\r\nabc")


def test_bodies_of_requests_sent_at_once_stay_apart(connection: socket.socket):
    connection.sendall(posted(b"first") + posted(b"second") + posted(b"", "connection: close"))

    answers = read_all(connection)

    assert [answers.count(one) for one in (b"\r\n\r\nfirst", b"\r\n\r\nsecond")] == [1, 1]
