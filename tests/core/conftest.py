import asyncio
import socket
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from apps.core import egress
from apps.core.egress import EgressError, Fetched, Refused
from apps.core.wire import NoAnswer, Request, Response

PUBLIC = "93.184.216.34"

# What names resolve to. "rebind.test" is public when first asked and loopback ever after.
NAMES = {
    "loopback.test": ["127.0.0.1"],
    "loopback6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "public.test": [PUBLIC],
    "nothing.test": [],
}

_OWN = {"::1", "::", "0.0.0.0"}  # noqa: S104 - compared with, not listened on


class Net:
    """The resolver, faked, and every address somebody tried to connect to beyond this machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.tried: list[str] = []
        self._resolve = socket.getaddrinfo
        self._connect = socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        net = self

        def connect(sock: socket.socket, address: Any) -> None:
            if not address[0].startswith("127.") and address[0] not in _OWN:
                net.tried.append(address[0])
                raise ConnectionRefusedError
            net._connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect", connect)

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        name = (host.decode() if isinstance(host, bytes) else host).rstrip(".").lower()
        if name == "localhost" or _is_number(name):
            return self._resolve(host, port, *args, **options)
        self.asked.append(name)
        if name == "rebind.test":
            addresses = ["127.0.0.1"] if self.asked.count(name) > 1 else [PUBLIC]
        elif name in NAMES:
            addresses = NAMES[name]
        else:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_entry(address, port) for address in addresses]


def _is_number(name: str) -> bool:
    """Whether the operating system takes the text for an address, in any notation."""
    try:
        socket.inet_aton(name)
    except OSError:
        return ":" in name
    return True


def _entry(address: str, port: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tail = (0, 0) if ":" in address else ()
    return (family, socket.SOCK_STREAM, 6, "", (address, port, *tail))


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    return Net(monkeypatch)


@pytest.fixture
def allowed(settings: Any) -> None:
    """Loopback exempted, so that a server of ours can stand for the outside."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


class Fetch(Protocol):
    def __call__(self, url: str, *, max_bytes: int, seconds: float = 60) -> Fetched: ...


Send = Callable[[Request], Response]


def _download(url: str, *, max_bytes: int, seconds: float = 60) -> Fetched:
    async def once() -> Fetched:
        async with egress.Session() as session:
            return await session.download(url, max_bytes=max_bytes, seconds=seconds)

    return asyncio.run(once())


def _send(request: Request) -> Response:
    async def once() -> Response:
        async with egress.Session() as session:
            return await session.send(request)

    return asyncio.run(once())


def _open(request: Request) -> Response:
    async def once() -> Response:
        async with egress.Session() as session:
            opened = await session.open(request, seconds=request.timeout_seconds)
            try:
                return await opened.whole(seconds=request.timeout_seconds)
            finally:
                opened.close()

    return asyncio.run(once())


def _open_file(url: str, *, max_bytes: int, seconds: float = 60) -> Fetched:
    try:
        found = _open(Request("GET", url, timeout_seconds=seconds, max_bytes=max_bytes))
    except NoAnswer as error:
        is_refused = str(error).startswith(("The URL leads to", "The URL must use"))
        raise (Refused if is_refused else EgressError)(str(error)) from None
    return Fetched(found.body, found.headers.get("content-type", ""))


@pytest.fixture(params=[egress.fetch, _download], ids=["sync", "session"])
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """Both ways to get a file; a test that takes it is one for each."""
    client: Fetch = request.param
    return client


@pytest.fixture(params=[egress.fetch, _download, _open_file], ids=["sync", "session", "open"])
def reach(request: pytest.FixtureRequest) -> Fetch:
    """All ways to get at what is behind a URL itself, redirects left aside."""
    client: Fetch = request.param
    return client


@pytest.fixture(params=[egress.send, _send, _open], ids=["sync", "session", "open"])
def send(request: pytest.FixtureRequest) -> Send:
    """All ways to exchange a request for an answer."""
    client: Send = request.param
    return client


@pytest.fixture(params=[egress.send, _send], ids=["sync", "session"])
def follow(request: pytest.FixtureRequest) -> Send:
    """Those that follow redirects where asked."""
    client: Send = request.param
    return client
