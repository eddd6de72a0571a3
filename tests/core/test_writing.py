"""Writes around a transport's queue: everything arrives, in order, and nothing goes to a connection that is closing."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from apps.core.writing import Writer

LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]
MANY = 4 * 1024 * 1024


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    try:
        yield transport, theirs
    finally:
        transport.abort()
        theirs.close()


def run(loop: Callable[[], asyncio.AbstractEventLoop], work: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work())  # type: ignore[arg-type]


@pytest.mark.parametrize("loop", LOOPS)
def test_bytes_are_there_before_the_loop_goes_on(loop: Callable[[], asyncio.AbstractEventLoop]):
    async def work() -> None:
        async with connected() as (transport, theirs):
            theirs.setblocking(False)
            Writer(transport).write(b"now")
            assert theirs.recv(10) == b"now"

    run(loop, work)


@pytest.mark.parametrize("loop", LOOPS)
def test_what_does_not_fit_follows_in_order(loop: Callable[[], asyncio.AbstractEventLoop]):
    async def work() -> None:
        async with connected() as (transport, theirs):
            writer = Writer(transport)
            writer.write(b"a" * MANY)
            writer.write(b"b" * 10)
            transport.write(b"c" * 10)
            writer.write(b"d")
            found = await asyncio.to_thread(_received, theirs, MANY + 21)
        assert found == b"a" * MANY + b"b" * 10 + b"c" * 10 + b"d"

    run(loop, work)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_closing_transport_gets_nothing_past_it(loop: Callable[[], asyncio.AbstractEventLoop]):
    async def work() -> None:
        async with connected() as (transport, theirs):
            writer = Writer(transport)
            transport.close()
            writer.write(b"late")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert await asyncio.to_thread(theirs.recv, 10) == b""

    run(loop, work)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_gone_is_the_transports_business(loop: Callable[[], asyncio.AbstractEventLoop]):
    async def work() -> None:
        async with connected() as (transport, theirs):
            theirs.close()
            Writer(transport).write(b"nobody")

    run(loop, work)


def _received(theirs: socket.socket, count: int) -> bytes:
    theirs.setblocking(True)
    found = bytearray()
    while len(found) < count:
        found += theirs.recv(1 << 20)
    return bytes(found)
