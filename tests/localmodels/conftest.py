"""The server as a process of its own, as customers' requests meet it, with the official client."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import DefaultHttpxClient

PROJECT = Path(__file__).resolve().parent.parent.parent
PATIENCE_SECONDS = 300  # of a client, on a machine that does many other things


@pytest.fixture(scope="session")
def socket() -> Iterator[Path]:
    """Where one server listens for all tests; it loads each engine once."""
    with tempfile.TemporaryDirectory(prefix="models-") as folder:
        path = Path(folder) / "models.sock"
        command = [sys.executable, "-m", "apps.localmodels.serve", "--socket", str(path)]
        with subprocess.Popen(command, cwd=PROJECT) as server:
            # It listens before it has loaded anything; a connection waits until it is answered.
            while not path.exists() and server.poll() is None:
                pass
            yield path
            server.terminate()
            server.wait(30)
        assert [left.name for left in Path(folder).iterdir()] == ["models.sock"]


@pytest.fixture(scope="session")
def wire(socket: Path) -> Iterator[httpx.Client]:
    """Plain requests."""
    way = httpx.HTTPTransport(uds=str(socket))
    with httpx.Client(transport=way, base_url="http://local", timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture(scope="session")
def client(socket: Path) -> Iterator[openai.OpenAI]:
    """OpenAI's own client."""
    library = sys.modules[DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
    way = DefaultHttpxClient(transport=library.HTTPTransport(uds=str(socket)))
    with openai.OpenAI(
        base_url="http://local/v1",
        api_key="none",
        http_client=way,
        max_retries=0,
        timeout=PATIENCE_SECONDS,
    ) as made:
        yield made
