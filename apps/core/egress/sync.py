"""One request at a time, for code that is not on an event loop. `httpx`, a connection for each call."""

import ssl
import time
import zlib
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from apps.core.egress import exchange
from apps.core.egress.exchange import Download, Exchange, Fetched
from apps.core.egress.guard import EgressError, Refused, checked_addresses
from apps.core.wire import NoAnswer, Request, Response


class _Progress:
    """One exchange's deadline, and the moment its first byte goes out.

    Every single wait of its connections ends at the same moment, so a server that drips bytes cannot keep us.
    """

    def __init__(self, work: Exchange) -> None:
        self._end = time.monotonic() + work.request.timeout_seconds
        self._work = work

    def left(self, timeout: float | None) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole answer is over")
        return left if timeout is None else min(left, timeout)

    def begin_writing(self) -> None:
        self._work.is_sent = True


class _WatchedStream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, progress: _Progress) -> None:
        self._real = real
        self._progress = progress

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._progress.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        seconds = self._progress.left(timeout)
        self._progress.begin_writing()
        self._real.write(buffer, seconds)

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._progress.left(timeout)
        encrypted = self._real.start_tls(ssl_context, server_hostname, seconds)
        return _WatchedStream(encrypted, self._progress)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    def __init__(self, progress: _Progress, *, is_trusted: bool) -> None:
        self._real = httpcore.SyncBackend()
        self._progress = progress
        self._is_trusted = is_trusted

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in [host] if self._is_trusted else _addresses(host, port):
            seconds = self._progress.left(timeout)
            try:
                stream = self._real.connect_tcp(
                    address, port, timeout=seconds, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _WatchedStream(stream, self._progress)
        raise failure

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        raise Refused(exchange.CANNOT_BE_FETCHED)

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


def _addresses(host: str, port: int) -> list[str]:
    try:
        return checked_addresses(host, port)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error


def _client(progress: _Progress, *, is_trusted: bool) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=exchange.tls(), trust_env=False)
    # httpx has no public way to hand httpcore a network backend.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=exchange.tls(),
        network_backend=_GuardedBackend(progress, is_trusted=is_trusted),
    )
    return httpx.Client(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=exchange.CONNECT_SECONDS),
    )


def send(request: Request, *, is_trusted: bool = False) -> Response:
    """One exchange; every answer is returned, whatever its status. Raises NoAnswer, with `sent` as it says there.

    The messages never repeat what the other side said, nor anything of the URL. `is_trusted` lifts the check of
    addresses: only for hosts that the settings name, which may well be on the operator's own network.
    """
    work = Exchange(request)
    try:
        return _answer(work, is_trusted=is_trusted)
    except EgressError as error:
        raise NoAnswer(str(error), sent=work.is_sent) from None


def fetch(url: str, *, max_bytes: int, seconds: float = 60) -> Fetched:
    """GET a body, at most `max_bytes` of it after decompression, within `seconds` in all, over at most 3 redirects.

    Every hop is checked like the first. Raises EgressError; the message never repeats what the other side said.
    """
    return exchange.fetched(_answer(Download(url, max_bytes=max_bytes, seconds=seconds)))


def _answer(work: Exchange, *, is_trusted: bool = False) -> Response:
    try:
        with _client(_Progress(work), is_trusted=is_trusted) as client:
            return _followed(client, work)
    except httpx.ConnectError:
        raise EgressError(exchange.CANNOT_BE_REACHED) from None
    except httpx.TimeoutException:
        raise EgressError(exchange.TOO_SLOW) from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, zlib.error):
        raise EgressError(exchange.CANNOT_BE_FETCHED) from None


def _followed(client: httpx.Client, work: Exchange) -> Response:
    hop = work.first_hop()
    while True:
        with client.stream(hop.method, hop.url, headers=hop.headers, content=hop.body) as response:
            answer = work.answer(response.status_code, response.headers.multi_items())
            after = work.next_hop(hop, answer)
            if after is None:
                for piece in response.iter_raw():
                    answer.add(piece)
                return answer.response()
            hop = after
