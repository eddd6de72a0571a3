"""An exchange whose answer is read while it comes in."""

import asyncio
import zlib
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings

from apps.core.egress import exchange
from apps.core.egress.connection import Broken, Connection
from apps.core.egress.exchange import Answer, Exchange
from apps.core.egress.guard import EgressError
from apps.core.egress.pool import Origin, Pool
from apps.core.wire import NoAnswer, Request, Response

_FAULTS = (OSError, ValueError, zlib.error, exchange.InvalidURL)
_PORTS = {"http": 80, "https": 443}
# What may be asked again when a kept connection turns out to be closed.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_FRAMING = frozenset({"host", "content-length", "transfer-encoding"})


class Opened:
    """The head of an answer has come; its body is read piece by piece, or whole. To be closed in any case.

    Closing before the end cuts the connection, which is how a provider learns that nobody waits any more.
    """

    def __init__(self, pool: Pool, connection: Connection, answer: Answer) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._connection = connection
        self._answer = answer
        self._is_open = True

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def content_type(self) -> str:
        return self._answer.headers.get("content-type", "")

    async def read(self, *, idle_seconds: float) -> bytes:
        """What has come of the body, or comes next; empty at its end.

        Raises NoAnswer when it breaks off, or when nothing comes for so long.
        """
        try:
            return await self._connection.read(self._loop.time() + idle_seconds)
        except TimeoutError:
            raise NoAnswer(exchange.TOO_SLOW, sent=True) from None
        except Broken:
            raise NoAnswer("The answer broke off.", sent=True) from None

    async def whole(self, *, seconds: float) -> Response:
        """All of it. Raises NoAnswer when it breaks off, takes longer or is too large."""
        until = self._loop.time() + seconds
        try:
            while piece := await self._connection.read(until):
                self._answer.add(piece)
            return self._answer.response()
        except TimeoutError:
            raise NoAnswer(exchange.TOO_SLOW, sent=True) from None
        except EgressError as error:
            raise NoAnswer(str(error), sent=True) from None
        except _FAULTS:
            raise NoAnswer("The answer broke off.", sent=True) from None

    @property
    def has_ended(self) -> bool:
        """The body is read to its end, and the connection can be used again."""
        return self._connection.is_reusable

    async def ended(self, *, seconds: float) -> None:
        """Close, after waiting so long for the end of a body that says nothing more: a new connection costs more."""
        until = self._loop.time() + seconds
        try:
            while await self._connection.read(until):
                continue
        except (TimeoutError, *_FAULTS):
            return
        finally:
            self.close()

    def close(self) -> None:
        """Safe to repeat. A connection whose answer was read to its end stays for the next request."""
        if self._is_open:
            self._is_open = False
            self._pool.give(self._connection)


async def opened(
    pool: Pool, request: Request, *, seconds: float, on_sent: Callable[[], None] | None = None
) -> Opened:
    """Send a request once and wait for the head of the answer, at most so long. No redirect is followed.

    `on_sent` is called as soon as the request is on its way, before anything can have come back. Raises NoAnswer, with
    `sent` as it says there.
    """
    work = Exchange(request)
    until = asyncio.get_running_loop().time() + seconds
    try:
        connection = await _asked(pool, work, until, on_sent)
    except TimeoutError:
        raise NoAnswer(exchange.TOO_SLOW, sent=work.is_sent) from None
    except EgressError as error:
        raise NoAnswer(str(error), sent=work.is_sent) from None
    except _FAULTS:
        raise NoAnswer(exchange.CANNOT_BE_FETCHED, sent=work.is_sent) from None
    try:
        return Opened(pool, connection, work.answer(connection.status, connection.headers))
    except EgressError as error:
        pool.give(connection)
        raise NoAnswer(str(error), sent=True) from None


async def _asked(
    pool: Pool, work: Exchange, until: float, on_sent: Callable[[], None] | None
) -> Connection:
    """A connection on which the head of the answer has come."""
    request = work.request
    origin, head = _prepared(
        request.method, request.url, tuple(request.headers.items()), settings.SITE_NAME
    )
    method = request.method.upper()
    parts = [head, b"\r\n"]
    if request.body or method not in _REPEATABLE:
        parts = [head, b"content-length: %d\r\n\r\n" % len(request.body), request.body]
    may_repeat = method in _REPEATABLE
    while True:
        connection = await pool.take(origin, until=until)
        was_kept = connection.asked > 0
        work.is_sent = True
        connection.ask(parts, without_body=method == "HEAD")
        try:
            if on_sent is not None:
                on_sent()
            await connection.head(until)
        except Broken:
            pool.give(connection)
            if not (may_repeat and was_kept and not connection.has_answered):
                raise
            may_repeat = False
        except BaseException:
            pool.give(connection)
            raise
        else:
            return connection


@lru_cache(maxsize=1024)
def _prepared(
    method: str, url: str, headers: tuple[tuple[str, str], ...], _site: str
) -> tuple[Origin, bytes]:
    """Where a request goes and the beginning of its head, which hardly differ from call to call.

    Raises EgressError or ValueError for a request that cannot be put on the wire.
    """
    hop = Exchange(Request(method, url, dict(headers))).first_hop()
    to = hop.url
    origin = Origin(to.scheme, to.raw_host.decode(), to.port or _PORTS[to.scheme])
    lines = [
        f"{hop.method} {to.raw_path.decode()} HTTP/1.1",
        f"host: {to.netloc.decode()}",
        # How long the body is we say ourselves.
        *(f"{name}: {value}" for name, value in hop.headers.items() if name not in _FRAMING),
    ]
    return origin, "\r\n".join([*lines, ""]).encode("ascii")
