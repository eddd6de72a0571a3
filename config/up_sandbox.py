"""The stand-ins for payment providers beside `./run up`, when no real ones are configured.

One process of its own speaks Stripe's protocol and that of an EVM chain on a port only this machine reaches; the web
process passes `/sandbox/…` on to it, so that a browser finds its pages on the same origin as everything else.
"""

import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from importlib import import_module
from pathlib import Path
from typing import Any

from config.embedded import kept_secret
from config.supervisor import Program

PREFIX = "/sandbox"
_PROJECT = Path(__file__).resolve().parent.parent
_HOP_HEADERS = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_STRIPE = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")
_CRYPTO = ("CRYPTO_XPUB", "CRYPTO_CHAINS")


def is_wanted() -> bool:
    """Unless the environment configures a real provider, or says TEST_PAYMENTS=false."""
    if os.environ.get("TEST_PAYMENTS", "true").lower() == "false":
        return False
    return not any(os.environ.get(name) for name in (*_STRIPE, *_CRYPTO))


def listen() -> socket.socket:
    """The stand-ins' socket; the system chooses the port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    return listener


def environment(*, data_dir: Path, listener: socket.socket) -> dict[str, str]:
    """What makes the platform use the stand-ins. Written down too, for `./run manage` meanwhile."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
    chain = import_module("apps.sandbox.chain.settings")
    found = {
        "TEST_PAYMENTS": "true",
        "SANDBOX_URL": url,
        "STRIPE_SECRET_KEY": f"sk_test_{_secret(data_dir, 'key')}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{_secret(data_dir, 'hook')}",
        "STRIPE_API_BASE": f"{url}/stripe",
        **chain.environment(f"{url}/chain"),
    }
    path = _path(data_dir)
    path.touch(mode=0o600)
    path.write_text(json.dumps(found))
    return found


def _secret(data_dir: Path, name: str) -> str:
    """Made up once, in the letters of Stripe's own."""
    kept = kept_secret(path=data_dir / f"sandbox.{name}")
    return hashlib.sha256(kept.encode()).hexdigest()[:48]


def forget(*, data_dir: Path) -> None:
    """The stand-ins are gone."""
    _path(data_dir).unlink(missing_ok=True)


def running(*, data_dir: Path) -> dict[str, str]:
    """The environment of stand-ins that run now, if any do."""
    try:
        found: dict[str, str] = json.loads(_path(data_dir).read_text())
    except (OSError, ValueError):
        return {}
    return found


def program(listener: socket.socket, *, data_dir: Path, told: Mapping[str, str]) -> Program:
    """The process of the stand-ins."""

    def serve() -> None:
        import_module("apps.sandbox.serve").serve(
            listener=listener,
            stripe_key=told["STRIPE_SECRET_KEY"],
            webhook_secret=told["STRIPE_WEBHOOK_SECRET"],
            base_url=os.environ["BASE_URL"],
            webhook_url=f"http://127.0.0.1:{os.environ['PORT']}/hooks/stripe",
            data_dir=data_dir,
        )

    return Program(name="sandbox", call=serve, cwd=_PROJECT, stage=1)


def _path(data_dir: Path) -> Path:
    return data_dir / "sandbox.json"


# ------------------------------------------------------------------------------ in the web process
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


def with_sandbox(application: App) -> App:
    """The application, and under /sandbox the stand-ins' pages when SANDBOX_URL names them."""
    base = os.environ.get("SANDBOX_URL", "")
    if not base:
        return application

    async def routed(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/"):
            await _pass_on(base.removesuffix(PREFIX), scope, receive, send)
        else:
            await application(scope, receive, send)

    return routed


async def _pass_on(origin: str, scope: Any, receive: Receive, send: Send) -> None:
    httpx = import_module("httpx")
    url = f"{origin}{scope['raw_path'].decode()}"
    if scope["query_string"]:
        url += f"?{scope['query_string'].decode()}"
    body = await _body(receive)
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name not in _HOP_HEADERS and name not in {b"host", b"content-length"}
    ]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        answer = await client.request(scope["method"], url, headers=headers, content=body)
    kept = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.lower() not in _HOP_HEADERS | {b"content-length", b"content-encoding"}
    ]
    content = answer.content
    kept.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
    await send({"type": "http.response.body", "body": content})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
