"""What only the client for many requests has: kept connections, limits, an event loop."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from apps.core.egress import Session
from apps.core.wire import NoAnswer, Request
from tests.core.conftest import NAMES, Net
from tests.core.servers import Handler, heard, reply, serving, talking

pytestmark = pytest.mark.usefixtures("allowed")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _Keeper:
    """A server that keeps connections, answers `good` requests on each and hangs up upon the next."""

    def __init__(self, good: int) -> None:
        self.good = good
        self.connections = 0
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        for _ in range(self.good):
            if not self._hear(connection):
                return
            connection.sendall(OK)
        self._hear(connection)

    def _hear(self, connection: socket.socket) -> bool:
        request = heard(connection)
        if request:
            self.requests.append(request)
        return bool(request)


def test_connection_is_kept_and_used_again():
    keeper = _Keeper(good=100)

    async def several(url: str) -> list[int]:
        async with Session() as session:
            return [(await session.send(Request("POST", url, body=b"{}"))).status for _ in "12345"]

    with talking(keeper) as port:
        assert asyncio.run(several(f"http://127.0.0.1:{port}/")) == [200] * 5

    assert (keeper.connections, len(keeper.requests)) == (1, 5)


def test_post_is_sent_once_although_its_kept_connection_breaks():
    keeper = _Keeper(good=1)

    async def twice(url: str) -> bool:
        async with Session() as session:
            await session.send(Request("POST", url, body=b'{"n": 1}'))
            with pytest.raises(NoAnswer) as failed:
                await session.send(Request("POST", url, body=b'{"n": 2}'))
            return failed.value.sent

    with talking(keeper) as port:
        assert asyncio.run(twice(f"http://127.0.0.1:{port}/")) is True

    assert [request[-8:] for request in keeper.requests] == [b'{"n": 1}', b'{"n": 2}']


def test_get_is_asked_again_when_its_kept_connection_breaks():
    keeper = _Keeper(good=1)

    async def twice(url: str) -> list[bytes]:
        async with Session() as session:
            return [(await session.send(Request("GET", url))).body for _ in range(2)]

    with talking(keeper) as port:
        assert asyncio.run(twice(f"http://127.0.0.1:{port}/")) == [b"ok", b"ok"]

    assert (keeper.connections, len(keeper.requests)) == (2, 3)


def test_answer_too_large_does_not_spoil_the_next():
    def answer(handler: Handler) -> None:
        reply(b"x" * 100_000 if handler.path == "/large" else b"small")(handler)

    async def both(url: str) -> bytes:
        async with Session() as session:
            with pytest.raises(NoAnswer, match="larger than 1000 bytes"):
                await session.send(Request("GET", f"{url}/large", max_bytes=1000))
            return (await session.send(Request("GET", f"{url}/small", max_bytes=1000))).body

    with serving(answer) as server:
        assert asyncio.run(both(server.url("").rstrip("/"))) == b"small"


def test_cookies_are_not_kept():
    seen: list[str | None] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.headers["Cookie"])
        reply(b"ok", Set_Cookie="a=b; Path=/")(handler)

    async def twice(url: str) -> str:
        async with Session() as session:
            await session.send(Request("GET", url))
            return (await session.send(Request("GET", url))).headers["set-cookie"]

    with serving(answer) as server:
        assert asyncio.run(twice(server.url(host="localhost"))) == "a=b; Path=/"

    assert seen == [None, None]


def test_request_that_waits_for_a_free_connection_in_vain_is_known_to_be_unsent():
    gone = threading.Event()

    def hold(connection: socket.socket) -> None:
        heard(connection)
        gone.wait(5)
        connection.sendall(OK)

    async def both(url: str) -> tuple[bool, int]:
        async with Session(per_host=1) as session:
            first = asyncio.create_task(session.send(Request("POST", url)))
            await asyncio.sleep(0)
            with pytest.raises(NoAnswer, match="did not answer in time") as failed:
                await session.send(Request("POST", url, timeout_seconds=0.3))
            gone.set()
            return failed.value.sent, (await first).status

    with talking(hold) as port:
        assert asyncio.run(both(f"http://127.0.0.1:{port}/")) == (False, 200)


def test_one_slow_server_does_not_hold_up_the_others():
    gone = threading.Event()

    def hold(connection: socket.socket) -> None:
        heard(connection)
        gone.wait(5)
        connection.sendall(OK)

    async def beside(slow: str, fast: str) -> list[bytes]:
        async with Session(per_host=4) as session:
            held = [asyncio.create_task(session.send(Request("GET", slow))) for _ in range(10)]
            quick = await asyncio.gather(*(session.send(Request("GET", fast)) for _ in range(10)))
            gone.set()
            await asyncio.gather(*held)
            return [response.body for response in quick]

    with talking(hold) as port, serving(reply(b"quick")) as server:
        found = asyncio.run(beside(f"http://127.0.0.1:{port}/", server.url()))

    assert found == [b"quick"] * 10


def test_name_is_asked_for_once_by_many_requests(net: Net, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(NAMES, "provider.test", ["127.0.0.1"])

    async def many(url: str) -> set[int]:
        async with Session() as session:
            answers = await asyncio.gather(*(session.send(Request("GET", url)) for _ in range(8)))
            return {answer.status for answer in answers}

    with serving(reply(b"ok")) as server:
        assert asyncio.run(many(server.url(host="provider.test"))) == {200}

    assert net.asked == ["provider.test"]


def test_remembered_address_is_checked_again_when_connecting(
    net: Net, monkeypatch: pytest.MonkeyPatch, settings: Any
):
    monkeypatch.setitem(NAMES, "provider.test", ["127.0.0.1"])

    async def withdrawn(url: str) -> tuple[int, str]:
        async with Session() as session:
            first = await session.send(Request("GET", url, {"Connection": "close"}))
            settings.EGRESS_ALLOW = []
            with pytest.raises(NoAnswer) as refused:
                await session.send(Request("GET", url))
            return first.status, str(refused.value)

    with serving(reply(b"ok")) as server:
        status, message = asyncio.run(withdrawn(server.url(host="provider.test")))

    assert (status, net.asked) == (200, ["provider.test"])
    assert message == "The URL leads to an address that is not on the open internet."
    assert len(server.paths) == 1


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("url", ["http://[::1]:{}/", "http://loopback6.test:{}/"])
def test_both_event_loops_are_guarded(net: Net, run: Callable[[Awaitable[bytes]], bytes], url: str):
    async def once(target: str) -> bytes:
        async with Session() as session:
            return (await session.download(target, max_bytes=100, seconds=5)).data

    with serving(reply(b"inside"), host="::1") as inside, serving(reply(b"open")) as server:
        assert run(once(server.url())) == b"open"
        with pytest.raises(Exception, match="not on the open internet"):
            run(once(url.format(inside.port)))

    assert inside.paths == []


def test_cancelled_request_leaves_nothing_open():
    arrived = threading.Event()

    def hold(connection: socket.socket) -> None:
        heard(connection)
        arrived.set()
        assert connection.recv(1) == b""  # the client hangs up

    async def cancelled(url: str) -> bool:
        async with Session() as session:
            task = asyncio.create_task(session.send(Request("POST", url)))
            await asyncio.to_thread(arrived.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return True

    with talking(hold) as port:
        assert asyncio.run(cancelled(f"http://127.0.0.1:{port}/"))
