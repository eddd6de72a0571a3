"""Answers read while they come in: how their bodies end, what becomes of the connection, what a hostile server does."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from apps.core.egress import Opened, OwnSession, Session
from apps.core.wire import NoAnswer, Request
from tests.core.conftest import NAMES, Net
from tests.core.servers import heard, reply, serving, talking

pytestmark = pytest.mark.usefixtures("allowed")

T = TypeVar("T")
Run = Callable[[Awaitable[T]], T]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    return request.param


@contextmanager
def _says(*answers: bytes) -> Iterator[tuple[str, list[int]]]:
    """A server that gives one answer after the other on a connection; its URL, and the requests of each connection."""
    counts: list[int] = []

    def talk(connection: socket.socket) -> None:
        number = len(counts)
        counts.append(0)
        for answer in answers:
            if not heard(connection):
                return
            counts[number] += 1
            connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)

    with talking(talk) as port:
        yield f"http://127.0.0.1:{port}/", counts


async def _pieces(opened: Opened) -> list[bytes]:
    found = []
    while piece := await opened.read(idle_seconds=5):
        found.append(piece)
    return found


async def _ask(session: Session, url: str, method: str = "POST") -> bytes:
    opened = await session.open(Request(method, url, body=b"{}"), seconds=5)
    try:
        return b"".join(await _pieces(opened))
    finally:
        opened.close()


async def _asked_twice(url: str) -> tuple[bytes, bytes]:
    async with Session() as session:
        return await _ask(session, url), await _ask(session, url)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b"ok"),
        (CHUNKED + b"1;x=y\r\no\r\n1\r\nk\r\n0\r\nX-Trailer: a\r\n\r\n", b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
    ids=["length", "chunked", "trailer", "informational", "204", "empty"],
)
def test_connection_is_used_again_after_a_whole_answer(run: Run[Any], answer: bytes, body: bytes):
    with _says(answer, answer, answer) as (url, counts):
        assert run(_asked_twice(url)) == (body, body)

    assert counts == [2]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad",
        OK + b"garbage",
    ],
    ids=["close", "1.0", "second answer", "garbage behind"],
)
def test_connection_is_not_used_again_when_that_could_go_wrong(run: Run[Any], answer: bytes):
    with _says(answer, answer) as (url, counts):
        assert run(_asked_twice(url)) == (b"ok", b"ok")

    assert counts == [1, 1]


def test_body_without_a_length_ends_with_the_connection(run: Run[Any]):
    with _says(b"HTTP/1.1 200 OK\r\n\r\nwhole") as (url, counts):
        assert run(_asked_twice(url)) == (b"whole", b"whole")

    assert counts == [1, 1]


def test_answer_to_head_has_no_body(run: Run[Any]):
    async def once(url: str) -> tuple[int, bytes]:
        async with Session() as session:
            opened = await session.open(Request("HEAD", url), seconds=5)
            found = await opened.whole(seconds=5)
            opened.close()
            return found.status, found.body

    with _says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") as (url, _):
        assert run(once(url)) == (200, b"")


def test_pieces_come_as_they_are_sent(run: Run[Any]):
    told = threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(CHUNKED + b"5\r\nfirst\r\n")
        told.wait(5)
        connection.sendall(b"4\r\nlast\r\n0\r\n\r\n")

    async def both(url: str) -> list[bytes]:
        async with Session() as session:
            opened = await session.open(Request("POST", url), seconds=5)
            pieces = [await opened.read(idle_seconds=5)]
            told.set()
            pieces += await _pieces(opened)
            opened.close()
            return pieces

    with talking(talk) as port:
        assert run(both(f"http://127.0.0.1:{port}/")) == [b"first", b"last"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        CHUNKED + b"2\r\nok\r\n",
        CHUNKED + b"2\r\nok\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    ],
    ids=["length", "chunked", "no chunk", "two lengths"],
)
def test_what_came_before_an_answer_broke_off_is_read(run: Run[Any], answer: bytes):
    async def read(url: str) -> tuple[bytes, str, bool]:
        async with Session() as session:
            found, opened = b"", None
            try:
                opened = await session.open(Request("POST", url), seconds=5)
                while piece := await opened.read(idle_seconds=5):
                    found += piece
            except NoAnswer as error:
                return found, str(error), error.sent
            finally:
                if opened is not None:
                    opened.close()
        raise AssertionError("it did not break off")

    with _says(answer) as (url, _):
        found, message, sent = run(read(url))

    assert sent
    is_begun = b"Content-Length: 2" not in answer
    assert (found, message) == (
        (b"ok", "The answer broke off.") if is_begun else (b"", "The URL cannot be fetched.")
    )


def test_silence_ends_the_wait_for_the_next_piece_only(run: Run[Any]):
    gone = threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(CHUNKED + b"2\r\nok\r\n")
        gone.wait(5)

    async def read(url: str) -> tuple[bytes, str]:
        async with Session() as session:
            opened = await session.open(Request("POST", url), seconds=5)
            first = await opened.read(idle_seconds=5)
            with pytest.raises(NoAnswer) as failed:
                await opened.read(idle_seconds=0.1)
            opened.close()
            gone.set()
            return first, str(failed.value)

    with talking(talk) as port:
        found = run(read(f"http://127.0.0.1:{port}/"))

    assert found == (b"ok", "The URL's server did not answer in time.")


def test_server_that_sends_faster_than_we_read_is_held_back(run: Run[Any]):
    size = 64 * 1024 * 1024
    sent: list[int] = []
    stuck = threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = bytes(65536)
        connection.settimeout(0.3)
        while sum(sent) < size:
            try:
                sent.append(connection.send(block[: size - sum(sent)]))
            except TimeoutError:
                connection.settimeout(5)
                stuck.set()

    async def late(url: str) -> tuple[int, int]:
        async with Session() as session:
            opened = await session.open(Request("POST", url), seconds=5)
            await asyncio.to_thread(stuck.wait, 5)
            before, received = sum(sent), 0
            while piece := await opened.read(idle_seconds=5):
                received += len(piece)
            opened.close()
            return before, received

    with talking(talk) as port:
        before, received = run(late(f"http://127.0.0.1:{port}/"))

    assert before < size // 2
    assert received == size


def test_closing_before_the_end_hangs_up(run: Run[Any]):
    hung_up = threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(CHUNKED + b"2\r\nok\r\n")
        try:
            connection.recv(1)
        finally:
            hung_up.set()

    async def leave(url: str) -> bool:
        async with Session() as session:
            opened = await session.open(Request("POST", url), seconds=5)
            opened.close()
            opened.close()
            return await asyncio.to_thread(hung_up.wait, 5)

    with talking(talk) as port:
        assert run(leave(f"http://127.0.0.1:{port}/"))


def test_cancelled_wait_for_the_head_hangs_up_and_frees_its_place(run: Run[Any]):
    arrived, hung_up = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        if arrived.is_set():
            connection.sendall(OK)
            return
        arrived.set()
        try:
            connection.recv(1)
        finally:
            hung_up.set()

    async def cancelled(url: str) -> tuple[bool, bytes]:
        async with Session(connections=1) as session:
            task = asyncio.ensure_future(session.open(Request("POST", url), seconds=5))
            await asyncio.to_thread(arrived.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await asyncio.to_thread(hung_up.wait, 5), await _ask(session, url)

    with talking(talk) as port:
        assert run(cancelled(f"http://127.0.0.1:{port}/")) == (True, b"ok")


def test_request_that_waits_for_a_free_connection_in_vain_is_known_to_be_unsent(run: Run[Any]):
    async def both(url: str) -> tuple[bool, bytes]:
        async with Session(connections=1) as session:
            first: Opened = await session.open(Request("POST", url), seconds=5)
            with pytest.raises(NoAnswer, match="did not answer in time") as failed:
                await session.open(Request("POST", url), seconds=0.1)
            first.close()
            return failed.value.sent, await _ask(session, url)

    with _says(OK) as (url, _):
        assert run(both(url)) == (False, b"ok")


@pytest.mark.parametrize(("method", "expected"), [("POST", [1]), ("GET", [1, 1])])
def test_only_what_may_be_repeated_is_asked_again_when_a_kept_connection_breaks(
    run: Run[Any], method: str, expected: list[int]
):
    counts: list[int] = []

    def talk(connection: socket.socket) -> None:
        counts.append(1)
        heard(connection)
        connection.sendall(OK)
        heard(connection)  # and hangs up

    async def twice(url: str) -> bytes | bool:
        async with Session() as session:
            await _ask(session, url, method)
            try:
                return await _ask(session, url, method)
            except NoAnswer as error:
                return error.sent

    with talking(talk) as port:
        found = run(twice(f"http://127.0.0.1:{port}/"))

    assert (found, counts) == (True if method == "POST" else b"ok", expected)


def test_connection_that_speaks_unasked_is_not_used_again(run: Run[Any]):
    spoken = threading.Event()

    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(OK)
        if spoken.is_set():
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
        try:
            connection.recv(1)  # we hang up
        finally:
            spoken.set()

    async def twice(url: str) -> tuple[bytes, bytes]:
        async with Session() as session:
            first = await _ask(session, url)
            await asyncio.to_thread(spoken.wait, 5)
            return first, await _ask(session, url)

    with talking(talk) as port:
        assert run(twice(f"http://127.0.0.1:{port}/")) == (b"ok", b"ok")


def test_answer_before_the_end_of_the_request_spoils_the_connection(run: Run[Any]):
    counts: list[int] = []
    done = threading.Event()

    def talk(connection: socket.socket) -> None:
        counts.append(1)
        connection.recv(1000)
        connection.sendall(OK)
        done.wait(5)  # the rest of the request stays where it is

    async def twice(url: str) -> list[bytes]:
        found = []
        async with Session() as session:
            for _ in range(2):
                request = Request("POST", url, body=bytes(32 * 1024 * 1024))
                opened = await session.open(request, seconds=5)
                found.append((await opened.whole(seconds=5)).body)
                opened.close()
        done.set()
        return found

    with talking(talk) as port:
        assert run(twice(f"http://127.0.0.1:{port}/")) == [b"ok", b"ok"]

    assert len(counts) == 2


def test_name_is_asked_for_once_and_its_address_is_checked_again(
    run: Run[Any], net: Net, monkeypatch: pytest.MonkeyPatch, settings: Any
):
    monkeypatch.setitem(NAMES, "provider.test", ["127.0.0.1"])

    async def withdrawn(url: str) -> tuple[set[bytes], str, bool]:
        async with Session() as session:
            found = await asyncio.gather(*(_ask(session, url, "GET") for _ in range(8)))
            settings.EGRESS_ALLOW = []
            request = Request("GET", url, {"Connection": "close"})
            with pytest.raises(NoAnswer) as refused:
                # The eight that are kept are used up first.
                await asyncio.gather(*(session.open(request, seconds=5) for _ in range(9)))
            return set(found), str(refused.value), refused.value.sent

    with serving(reply(b"ok", Connection="close")) as server:
        found = run(withdrawn(server.url(host="provider.test")))

    assert found == (
        {b"ok"},
        "The URL leads to an address that is not on the open internet.",
        False,
    )
    assert net.asked == ["provider.test"]


def test_our_own_server_is_reached_by_its_socket_whatever_the_url_says(
    run: Run[Any], tmp_path: Path
):
    path = tmp_path / "own.sock"

    async def once() -> tuple[bytes, bytes]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"{}")
            writer.write(OK)
            # Another address has another connection; each stays until its session ends.
            await reader.read()
            writer.close()

        server = await asyncio.start_unix_server(answer, path)
        async with server, OwnSession(str(path)) as session:
            return await _ask(session, "http://10.0.0.1/"), await _ask(session, "http://own/")

    assert run(once()) == (b"ok", b"ok")


def test_no_socket_is_nobody_there(run: Run[Any], tmp_path: Path):
    async def once() -> tuple[str, bool]:
        async with OwnSession(str(tmp_path / "none")) as session:
            with pytest.raises(NoAnswer) as failed:
                await session.open(Request("POST", "http://own/"), seconds=5)
            return str(failed.value), failed.value.sent

    assert run(once()) == ("The URL's server cannot be reached.", False)
