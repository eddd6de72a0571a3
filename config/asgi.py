"""One origin: `/v1/*` on the event loop, everything else in Django's WSGI application on a pool of threads.

Django's own ASGI handler would run each request in a thread as well, at twice the cost; this way the plain views stay
plain, and only what streams for minutes is asynchronous. `WEB_THREADS` is how many requests Django works on at once in
this process; each of them may hold a database connection.
"""

from a2wsgi import WSGIMiddleware
from starlette.types import Message, Receive, Scope, Send

from config import env
from config.wsgi import application as django

_WEB_THREADS = env.number("WEB_THREADS", default=8)
_threaded = WSGIMiddleware(django, workers=_WEB_THREADS)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route by path. Headers with an underscore are dropped: in WSGI they could pass for ones with a hyphen."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and _is_streaming(scope["path"]):
        await gateway(scope, receive, send)
    elif scope["type"] == "http":
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        await _threaded({**scope, "headers": headers}, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})


def _is_streaming(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


async def _lifespan(receive: Receive, send: Send) -> None:
    """Nothing is opened before the first request, so there is nothing to wait for at either end."""
    while True:
        message: Message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


# Last: it needs Django set up, which importing the WSGI application does.
from apps.gateway.app import app as gateway  # noqa: E402
