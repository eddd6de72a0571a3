"""The stand-ins for payment providers beside `./run up`: when they run, what is told of them, how pages reach them."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from config import up_sandbox

PROVIDERS = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE", "CRYPTO_XPUB")


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROVIDERS, "CRYPTO_CHAINS", "TEST_PAYMENTS", "SANDBOX_URL"):
        monkeypatch.delenv(name, raising=False)


def test_stand_ins_run_where_no_provider_is_configured():
    assert up_sandbox.is_wanted()


@pytest.mark.parametrize("name", PROVIDERS)
def test_one_real_provider_keeps_all_stand_ins_away(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "given")

    assert not up_sandbox.is_wanted()


def test_stand_ins_can_be_switched_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TEST_PAYMENTS", "false")

    assert not up_sandbox.is_wanted()


def test_environment_is_kept_for_other_commands_while_they_run(tmp_path: Path):
    with up_sandbox.listen() as listener:
        told = up_sandbox.environment(data_dir=tmp_path, listener=listener)
        again = up_sandbox.environment(data_dir=tmp_path, listener=listener)

    assert told == again == up_sandbox.running(data_dir=tmp_path)
    assert told["TEST_PAYMENTS"] == "true"
    assert told["STRIPE_API_BASE"].endswith("/sandbox/stripe")
    assert told["STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert stat.S_IMODE((tmp_path / "sandbox.json").stat().st_mode) == 0o600
    up_sandbox.forget(data_dir=tmp_path)
    up_sandbox.forget(data_dir=tmp_path)
    assert up_sandbox.running(data_dir=tmp_path) == {}


def test_spoilt_file_counts_as_none(tmp_path: Path):
    (tmp_path / "sandbox.json").write_text("{")

    assert up_sandbox.running(data_dir=tmp_path) == {}


async def _echo(request: Request) -> JSONResponse:
    answer = {
        "method": request.method,
        "query": request.url.query,
        "cookie": request.headers.get("cookie"),
        "host": request.headers["host"],
        "body": (await request.body()).decode(),
    }
    return JSONResponse(answer, status_code=303, headers={"location": "/sandbox/next"})


@pytest.fixture
def stand_in() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/sandbox/{rest:path}", _echo, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/sandbox"
    server.should_exit = True
    thread.join(10)
    listener.close()


def ask(app: Any, path: str, *, method: str = "GET", query: str = "", body: bytes = b"") -> Any:
    """What an ASGI application answers: status, headers, body."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "path": path,
        "raw_path": path.encode(),
        "method": method,
        "query_string": query.encode(),
        "headers": [(b"cookie", b"a=b"), (b"host", b"shop.example"), (b"connection", b"close")],
    }
    asyncio.run(app(scope, receive, send))
    start, end = sent
    return start["status"], dict(start["headers"]), end["body"]


async def platform(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"platform"})


def test_pages_of_the_stand_ins_are_passed_on_as_they_are(
    monkeypatch: pytest.MonkeyPatch, stand_in: str
):
    monkeypatch.setenv("SANDBOX_URL", stand_in)
    app = up_sandbox.with_sandbox(platform)

    status, headers, body = ask(
        app, "/sandbox/stripe/pay", method="POST", query="a=1&b=%20", body=b"card=4242"
    )

    assert (status, headers[b"location"]) == (303, b"/sandbox/next")
    assert json.loads(body) == {
        "method": "POST",
        "query": "a=1&b=%20",
        "cookie": "a=b",
        "host": stand_in.removeprefix("http://").removesuffix("/sandbox"),
        "body": "card=4242",
    }


@pytest.mark.parametrize("path", ["/", "/sandbox", "/sandboxes/x", "/w/demo/billing"])
def test_everything_else_is_the_platforms(
    monkeypatch: pytest.MonkeyPatch, stand_in: str, path: str
):
    monkeypatch.setenv("SANDBOX_URL", stand_in)

    assert ask(up_sandbox.with_sandbox(platform), path)[2] == b"platform"


def test_without_stand_ins_there_is_no_route_to_them():
    assert up_sandbox.with_sandbox(platform) is platform
