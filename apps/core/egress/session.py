"""Many requests at once, on an event loop. `aiohttp`, with connections kept and used again."""

import asyncio
import io
import socket
import zlib
from collections.abc import Callable
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from apps.core.egress import exchange
from apps.core.egress.exchange import Download, Exchange, Fetched
from apps.core.egress.guard import EgressError
from apps.core.egress.opened import Opened, opened
from apps.core.egress.pool import (
    KEEP_ALIVE_SECONDS,
    Dial,
    Names,
    Pool,
    guarded,
    guarded_socket,
    unix,
)
from apps.core.wire import NoAnswer, Request, Response

# Of longer ones aiohttp warns that they are written in one go.
_LARGE_BODY = 1024 * 1024
_DNS_SECONDS = 10
# Of one header field or line, in bytes. aiohttp's 8,190 are less than some security policies take.
_FIELD_BYTES = 32_768


class _GuardedResolver(AbstractResolver):
    """`Names` as aiohttp wants it."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in await self._names.resolve(host, port)
        ]

    async def close(self) -> None:
        """The session closes what is behind it."""


def _payload(body: bytes) -> bytes | io.BytesIO | None:
    if not body:
        return None
    return body if len(body) < _LARGE_BODY else io.BytesIO(body)


async def _connection_stands(
    _: aiohttp.ClientSession, context: SimpleNamespace, __: object
) -> None:
    context.trace_request_ctx.is_sent = True


def _trace() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connection_stands)
    trace.on_connection_reuseconn.append(_connection_stands)
    return trace


class Session:
    """A pool of guarded connections: `async with Session() as session`, on one event loop.

    Keeps no cookies and reads no proxy, netrc or other setting of the environment. Requests beyond `connections`, or
    beyond `per_host` to one host, wait for a connection within their own time. `open` has connections of its own, and
    knows only the former limit.
    """

    def __init__(self, *, connections: int = 512, per_host: int = 64) -> None:
        self._connections = connections
        self._per_host = per_host

    async def __aenter__(self) -> Self:
        self._names = Names()
        self._pool = Pool(self._dial(), connections=self._connections)
        self._client = aiohttp.ClientSession(
            connector=self._connector(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=exchange.CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Or aiohttp names a type for a body that has none.
            skip_auto_headers=["Content-Type"],
            auto_decompress=False,
            trust_env=False,
            max_line_size=_FIELD_BYTES,
            max_field_size=_FIELD_BYTES,
            trace_configs=[_trace()],
        )
        return self

    def _dial(self) -> Dial:
        return guarded(self._names)

    def _connector(self) -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(
            ssl=exchange.tls(),
            resolver=_GuardedResolver(self._names),
            socket_factory=guarded_socket,
            ttl_dns_cache=_DNS_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            limit=self._connections,
            limit_per_host=self._per_host,
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.close()
        await self._client.close()
        self._names.close()

    async def send(self, request: Request) -> Response:
        """One exchange; every answer is returned, whatever its status. Raises NoAnswer, with `sent` as it says there.

        A POST goes out once. The messages never repeat what the other side said, nor anything of the URL.
        """
        work = Exchange(request)
        try:
            return await self._answer(work)
        except EgressError as error:
            raise NoAnswer(str(error), sent=work.is_sent) from None

    async def open(
        self, request: Request, *, seconds: float, on_sent: Callable[[], None] | None = None
    ) -> Opened:
        """Send it and give the answer while it comes in; `seconds` for its head. Raises NoAnswer as `send` does.

        `on_sent` is called when the request is on its way: what is to be done until the answer comes.
        """
        return await opened(self._pool, request, seconds=seconds, on_sent=on_sent)

    async def download(self, url: str, *, max_bytes: int, seconds: float) -> Fetched:
        """What `egress.fetch` does, with the same errors."""
        work = Download(url, max_bytes=max_bytes, seconds=seconds)
        return exchange.fetched(await self._answer(work))

    async def _answer(self, work: Exchange) -> Response:
        try:
            async with asyncio.timeout(work.request.timeout_seconds):
                return await self._followed(work)
        except aiohttp.ClientConnectorError:
            raise EgressError(exchange.CANNOT_BE_REACHED) from None
        except TimeoutError:
            raise EgressError(exchange.TOO_SLOW) from None
        except (aiohttp.ClientError, OSError, ValueError, zlib.error, exchange.InvalidURL):
            raise EgressError(exchange.CANNOT_BE_FETCHED) from None

    async def _followed(self, work: Exchange) -> Response:
        hop = work.first_hop()
        while True:
            async with self._client.request(
                hop.method,
                # Already normalised; another round would change what was signed.
                yarl.URL(str(hop.url), encoded=True),
                headers=hop.headers,
                data=_payload(hop.body),
                allow_redirects=False,
                trace_request_ctx=work,
            ) as response:
                answer = work.answer(response.status, response.headers.items())
                after = work.next_hop(hop, answer)
                if after is None:
                    while piece := await response.content.readany():
                        answer.add(piece)
                    return answer.response()
                hop = after


class OwnSession(Session):
    """The same for a server of ours behind a Unix socket, which no address in a request can lead away from."""

    def __init__(self, path: str, *, connections: int = 256) -> None:
        super().__init__(connections=connections, per_host=0)
        self._path = path

    def _dial(self) -> Dial:
        return unix(self._path)

    def _connector(self) -> aiohttp.BaseConnector:
        return aiohttp.UnixConnector(
            self._path, keepalive_timeout=KEEP_ALIVE_SECONDS, limit=self._connections
        )
