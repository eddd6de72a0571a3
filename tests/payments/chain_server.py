"""The test chain behind two endpoints on 127.0.0.1, for whatever reads chains."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from apps.sandbox.chain import settings as sandbox
from apps.sandbox.chain.chain import Chain
from apps.sandbox.chain.rpc import Knobs
from apps.sandbox.chain.server import create_app

CONFIRMATIONS = 5
_START_SECONDS = 10


class TestChain:
    """A chain, the endpoint that is read (`knobs`) and a second one (`check_knobs`).

    Blocks come only by `chain.mine`.
    """

    __test__ = False

    def __init__(self, chain: Chain, url: str, check_url: str, knobs: list[Knobs]) -> None:
        self.chain = chain
        self.url = url
        self.check_url = check_url
        self.knobs, self.check_knobs = knobs

    def send(
        self,
        to: str,
        usd: int | str = 10,
        *,
        token: str = "USDC",  # noqa: S107 - a coin
        sender: str = "wallet",
    ) -> str:
        """So many dollars, exactly, in a block of their own; the transaction."""
        return self.chain.send(token=token, to=to, value=self.units(usd, token), sender=sender)

    def units(self, usd: int | str, token: str = "USDC") -> int:  # noqa: S107 - a coin
        whole, _, cents = str(usd).partition(".")
        decimals = sandbox.TOKENS[token][1]
        return int(whole) * 10**decimals + int(cents.ljust(decimals, "0") or 0)

    def configured(self, *, checks: bool = False) -> dict[str, dict[str, str]]:
        """The value of settings.CRYPTO_CHAINS."""
        told = sandbox.environment("")
        return {
            "local": {
                "rpc": self.url,
                "rpc_check": self.check_url if checks else "",
                "confirmations": str(CONFIRMATIONS),
                "tokens": told["CRYPTO_LOCAL_TOKENS"],
            }
        }


class _Still(Chain):
    """Time passes by `mine` alone."""

    def age(self) -> None:
        pass


@contextmanager
def served(app: Any) -> Iterator[str]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class _Door:
    """A server's application, which a test may exchange."""

    app: Starlette | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.app is not None:
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def chain_doors() -> Iterator[list[tuple[_Door, str]]]:
    with ExitStack() as running:
        doors = [_Door(), _Door()]
        yield [(door, running.enter_context(served(door))) for door in doors]


@pytest.fixture
def make_chain(chain_doors: list[tuple[_Door, str]]) -> Callable[[], TestChain]:
    """A new chain at the same addresses each time it is called."""

    def make() -> TestChain:
        chain = _Still()
        knobs = [Knobs(), Knobs()]
        for (door, _), one in zip(chain_doors, knobs, strict=True):
            door.app = create_app(chain, one)
        return TestChain(chain, *(f"{url}/rpc" for _, url in chain_doors), knobs)

    return make


@pytest.fixture
def chain(make_chain: Callable[[], TestChain]) -> TestChain:
    return make_chain()
