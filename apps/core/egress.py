"""The only client for addresses that somebody else gave us.

The guard sits where the connection is made: the name is resolved once, every answer is checked, and we connect to the
checked address, so neither a second look-up (rebinding) nor a redirect leads inside. `httpx` and
`httpcore` are imported nowhere else for such addresses (a test says so).
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from django.conf import settings

_PORTS = frozenset({80, 443})
_REDIRECTS = 3
_CHUNK = 65_536
# `is_global` calls some ranges global that lead inside through translation or tunnels.
_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "2002::/16", "fec0::/10", "100::/64",
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
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
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


class _GuardedBackend(httpcore.NetworkBackend):
    def __init__(self) -> None:
        self._real = httpcore.SyncBackend()

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
            try:
                return self._real.connect_tcp(
                    address, port, timeout=timeout, socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        raise _RefusedAddress("unix sockets are not reachable by URL")

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
        if port not in _PORTS or not is_public(address):
            raise _RefusedAddress("the address is not one of the open internet")
    return addresses


def _client(timeout: float) -> httpx.Client:
    transport = httpx.HTTPTransport(trust_env=False)
    # httpx has no public way to hand httpcore a network backend.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=ssl.create_default_context(), network_backend=_GuardedBackend()
    )
    return httpx.Client(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(min(timeout, 30), connect=5),
        headers={"User-Agent": settings.SITE_NAME, "Accept": "*/*"},
    )


@dataclass(frozen=True)
class Fetched:
    data: bytes
    content_type: str


def fetch(url: str, *, max_bytes: int, seconds: float = 60) -> Fetched:
    """GET a body, at most `max_bytes` of it after decompression, within `seconds` in all, over at most 3 redirects.

    Every hop is checked like the first. Raises EgressError; the message never repeats what the other side said.
    """
    deadline = time.monotonic() + seconds
    try:
        with _client(seconds) as client:
            for _ in range(_REDIRECTS + 1):
                with client.stream("GET", url) as response:
                    if response.next_request is None:
                        return _body(response, max_bytes, deadline)
                    url = str(response.next_request.url)
            raise EgressError(f"The URL redirects more than {_REDIRECTS} times.")
    except _RefusedAddress:
        raise Refused("The URL leads to an address that is not on the open internet.") from None
    except httpx.ConnectError as error:
        if isinstance(error.__cause__, _RefusedAddress):
            raise Refused("The URL leads to an address that is not on the open internet.") from None
        raise EgressError("The URL's server cannot be reached.") from None
    except httpx.TimeoutException:
        raise EgressError("The URL's server did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError):
        raise EgressError("The URL cannot be fetched.") from None


def _body(response: httpx.Response, max_bytes: int, deadline: float) -> Fetched:
    if response.status_code != 200:
        raise EgressError(f"The URL's server answered {response.status_code}.")
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes(_CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise EgressError(
                f"The file behind the URL is larger than {max_bytes // 1024 // 1024} MB."
            )
        if time.monotonic() > deadline:
            raise EgressError("The URL's server sends too slowly.")
        parts.append(chunk)
    return Fetched(b"".join(parts), response.headers.get("content-type", ""))
