"""Connections to answers that are read while they come in: guarded where they are made, kept and used again."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import aiohappyeyeballs

from apps.core.egress import exchange
from apps.core.egress.connection import Connection
from apps.core.egress.guard import EgressError, check, checked_addresses

# Servers close idle connections after 5 s and more. What is sent into one that is just being closed is lost, and a POST
# then counts as sent, so we give it up first.
KEEP_ALIVE_SECONDS = 4
_DNS_SECONDS = 10
# A slow name must not hold up the others; the loop's own pool has six threads on two cores.
_RESOLVING_AT_ONCE = 32
_NEXT_ADDRESS_SECONDS = 0.25
_MOST_NAMES = 1000

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
Dial = Callable[["Origin", Callable[[], Connection]], Awaitable[Connection]]


class Origin(NamedTuple):
    """Where connections lead that may be used for each other's requests."""

    scheme: str
    host: str
    port: int


class Unreachable(EgressError):
    """There is no connection; nothing was sent."""


class Pool:
    """At most `connections` in use at once; who asks for one more waits within its own time. For one event loop."""

    def __init__(self, dial: Dial, *, connections: int) -> None:
        self._dial = dial
        self._slots = asyncio.Semaphore(connections)
        self._resting: dict[Origin, list[Connection]] = {}
        self._all: dict[Connection, Origin] = {}

    async def take(self, origin: Origin, *, until: float) -> Connection:
        """One that nobody uses, kept or new. Raises EgressError, ValueError or TimeoutError."""
        if self._slots.locked():
            async with asyncio.timeout_at(until):
                await self._slots.acquire()
        else:
            await self._slots.acquire()
        resting = self._resting.get(origin)
        while resting:
            # The last that was used: the others may lapse.
            connection = resting.pop()
            if connection.is_usable:
                return connection
        try:
            return await self._made(origin, until)
        except BaseException:
            self._slots.release()
            raise

    async def _made(self, origin: Origin, until: float) -> Connection:
        try:
            async with asyncio.timeout_at(until):
                connection = await self._dial(origin, lambda: Connection(self._lost))
        except TimeoutError:
            raise
        except (OSError, RuntimeError, ssl.CertificateError):
            # uvloop raises RuntimeError for some that asyncio calls OSError.
            raise Unreachable(exchange.CANNOT_BE_REACHED) from None
        self._all[connection] = origin
        return connection

    def give(self, connection: Connection) -> None:
        """Back from whoever took it, once. Kept if it can be used again, else cut."""
        self._slots.release()
        origin = self._all.get(connection)
        if origin is None or not connection.is_reusable:
            connection.cut()
            return
        connection.rest(KEEP_ALIVE_SECONDS)
        self._resting.setdefault(origin, []).append(connection)

    def _lost(self, connection: Connection) -> None:
        origin = self._all.pop(connection, None)
        resting = self._resting.get(origin) if origin else None
        if origin and resting and connection in resting:
            resting.remove(connection)
            if not resting:
                del self._resting[origin]

    async def close(self) -> None:
        for connection in list(self._all):
            connection.cut()
        # They learn of it in the loop's next round.
        await asyncio.sleep(0)


class Names:
    """The operating system's resolver, remembered for a moment; a name is refused when any of its addresses is."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVING_AT_ONCE, thread_name_prefix="resolve")
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._asking: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Raises Refused, OSError when the name has no address, ValueError when it can be no name."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, checked_addresses, host, port)

    async def remembered(self, host: str, port: int) -> list[str]:
        """The same, up to ten seconds old, and asked once for all who want it at the same time."""
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known[0] > asyncio.get_running_loop().time():
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(key))
            # Whoever asked may have gone.
            asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(asking)

    async def _ask(self, key: tuple[str, int]) -> list[str]:
        try:
            addresses = await self.resolve(*key)
        finally:
            del self._asking[key]
        if len(self._known) >= _MOST_NAMES:
            self._known.clear()
        self._known[key] = (asyncio.get_running_loop().time() + _DNS_SECONDS, addresses)
        return addresses

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def guarded_socket(info: AddressInfo) -> socket.socket:
    """The last gate before connecting: addresses written in a URL never see the resolver."""
    family, kind, proto, _, address = info
    check(str(address[0]), address[1])
    return socket.socket(family=family, type=kind, proto=proto)


def guarded(names: Names) -> Dial:
    """To the open internet and what the operator exempts, by checked addresses only."""

    async def dial(origin: Origin, made: Callable[[], Connection]) -> Connection:
        addresses = await names.remembered(origin.host, origin.port)
        for address in addresses:
            # Remembered, but the operator may have changed his mind.
            check(address, origin.port)
        async with asyncio.timeout(exchange.CONNECT_SECONDS):
            return await _connected(origin, addresses, made)

    return dial


async def _connected(
    origin: Origin, addresses: list[str], made: Callable[[], Connection]
) -> Connection:
    loop = asyncio.get_running_loop()
    sock = await aiohappyeyeballs.start_connection(
        [_info(address, origin.port) for address in addresses],
        happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
        interleave=1,
        loop=loop,
        socket_factory=guarded_socket,
    )
    is_secure = origin.scheme == "https"
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _, connection = await loop.create_connection(
            made,
            sock=sock,
            ssl=exchange.tls() if is_secure else None,
            server_hostname=origin.host.rstrip(".") if is_secure else None,
        )
    except BaseException:
        sock.close()
        raise
    return connection


def _info(address: str, port: int) -> AddressInfo:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    rest = (0, 0) if family == socket.AF_INET6 else ()
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, *rest))


def unix(path: str) -> Dial:
    """To a server of ours, which no address in a request can lead away from."""

    async def dial(_: Origin, made: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(exchange.CONNECT_SECONDS):
            _transport, connection = await loop.create_unix_connection(made, path)
        return connection

    return dial
