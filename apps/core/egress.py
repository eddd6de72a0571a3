"""The only client for addresses that somebody else gave us.

The guard sits where the connection is made: the name is resolved once, every answer is checked, and we connect to the
checked address, so neither a second look-up (rebinding) nor a redirect leads inside. `httpx` and
`httpcore` are imported nowhere else for such addresses (a test says so).
"""

import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

_PORTS = frozenset({80, 443})
_REDIRECTS = 3
_NOT_PUBLIC = "The URL leads to an address that is not on the open internet."
# `is_global` calls some ranges global that lead inside through translation or tunnels. Of IPv6 only 2000::/3 is handed
# out at all; every other prefix is special (NAT64, IPv4 in disguise, site-local, …).
_UNICAST_V6 = ipaddress.ip_network("2000::/3")
_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "2001::/23", "2002::/16", "3fff::/20",
    )
)  # fmt: skip


class EgressError(Exception):
    """The address could not be fetched; the message is safe to show to whoever gave it."""


class Refused(EgressError):
    """The address leads somewhere we do not go."""


class _RefusedAddress(httpcore.ConnectError):
    pass


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.version == 6 and ip not in _UNICAST_V6:
        return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not any(ip.version == net.version and ip in net for net in _DENIED)
    )


def _is_exempt(address: str) -> bool:
    """Whether the operator's EGRESS_ALLOW names the address; then any port of it is open too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip in ipaddress.ip_network(text, strict=False) for text in settings.EGRESS_ALLOW)


def is_allowed(address: str) -> bool:
    """Whether we may connect to the address at all: public, or exempted by the operator."""
    return _is_exempt(address) or is_public(address)


def has_exemptions() -> bool:
    return bool(settings.EGRESS_ALLOW)


class _Deadline:
    """Every single wait of a connection ends at the same moment, so a server that drips bytes cannot keep us."""

    def __init__(self, at: float) -> None:
        self._at = at

    def left(self, timeout: float | None) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole answer is over")
        return left if timeout is None else min(left, timeout)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._real = real
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        encrypted = self._real.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(encrypted, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._real = httpcore.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in _checked_addresses(host, port):
            seconds = self._deadline.left(timeout)
            try:
                stream = self._real.connect_tcp(
                    address, port, timeout=seconds, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        raise _RefusedAddress(_NOT_PUBLIC)

    def sleep(self, seconds: float) -> None:
        self._real.sleep(seconds)


def _checked_addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if _is_exempt(address):
            continue
        if not is_public(address):
            raise _RefusedAddress(_NOT_PUBLIC)
        if port not in _PORTS:
            raise _RefusedAddress("The URL must use port 80 or 443.")
    return addresses


@cache
def _tls() -> ssl.SSLContext:
    # httpx's own: certifi's authorities, or those that SSL_CERT_FILE names. Reading them takes longer than a request.
    return httpx.create_ssl_context()


def _client(deadline: _Deadline) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=_tls(), trust_env=False)
    # httpx has no public way to hand httpcore a network backend.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_tls(), network_backend=_GuardedBackend(deadline)
    )
    return httpx.Client(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(30, connect=5),
        headers={
            "User-Agent": settings.SITE_NAME,
            "Accept": "*/*",
            # Media is compressed already; what compresses a thousandfold is a bomb.
            "Accept-Encoding": "identity",
        },
    )


@dataclass(frozen=True)
class Fetched:
    data: bytes
    content_type: str


def fetch(url: str, *, max_bytes: int, seconds: float = 60) -> Fetched:
    """GET a body, at most `max_bytes` of it after decompression, within `seconds` in all, over at most 3 redirects.

    Every hop is checked like the first. Raises EgressError; the message never repeats what the other side said.
    """
    try:
        with _client(_Deadline(time.monotonic() + seconds)) as client:
            return _followed(client, url, max_bytes)
    except httpx.ConnectError as error:
        if isinstance(error.__cause__, _RefusedAddress):
            raise Refused(str(error.__cause__)) from None
        raise EgressError("The URL's server cannot be reached.") from None
    except httpx.TimeoutException:
        raise EgressError("The URL's server did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, zlib.error):
        raise EgressError("The URL cannot be fetched.") from None


def _followed(client: httpx.Client, url: str, max_bytes: int) -> Fetched:
    for _ in range(_REDIRECTS + 1):
        with client.stream("GET", url) as response:
            if response.next_request is None:
                return _body(response, max_bytes)
            url = str(response.next_request.url)
    raise EgressError(f"The URL redirects more than {_REDIRECTS} times.")


def _body(response: httpx.Response, max_bytes: int) -> Fetched:
    if response.status_code != 200:
        raise EgressError(f"The URL's server answered {response.status_code}.")
    parts: list[bytes] = []
    size = 0
    for chunk in _decoded(response, max_bytes + 1):
        size += len(chunk)
        if size > max_bytes:
            raise EgressError(f"The file behind the URL is larger than {_shown(max_bytes)}.")
        parts.append(chunk)
    return Fetched(b"".join(parts), response.headers.get("content-type", ""))


def _decoded(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body's pieces, none longer than `most`.

    Not httpx's decoders: they inflate a piece of any size at once, and as many layers as the server names.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        yield from response.iter_raw()
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, as its header says
        for chunk in response.iter_raw():
            yield inflater.decompress(chunk, most)
    else:
        raise EgressError("The URL's server compresses in a way we did not ask for.")


def _shown(size: int) -> str:
    return f"{size // 1024 // 1024} MB" if size >= 1024 * 1024 else f"{size} bytes"
