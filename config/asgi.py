"""One origin: `/v1/*` and event streams on the event loop, all else in Django's WSGI application on a pool of threads.

Django's own ASGI handler would run each request in a thread as well, at twice the cost; this way the plain views stay
plain, and only what streams for minutes is asynchronous. `WEB_THREADS` is how many requests Django works on at once in
this process; each of them may hold a database connection.
"""

import asyncio
import gc
import re

from starlette.types import Message, Receive, Scope, Send

from config import env

# First: it sets Django up, which everything after it needs.
from config.wsgi import application as django  # isort: split

from django.conf import settings

from apps.gateway.app import app as gateway
from config.wsgi_threads import WsgiThreads

_threaded = WsgiThreads(
    django,
    threads=env.number("WEB_THREADS", default=8),
    max_body=settings.API_MAX_BODY_BYTES,
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Route by path."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and _is_streaming(scope["path"]):
        await gateway(scope, receive, send)
    elif scope["type"] == "http":
        await _threaded(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})


_COLLECT_AFTER = (20_000, 50, 100)

# What a proxy in front of separate processes must send to the gateway as well.
_STREAMING = re.compile(
    r"/v1(/.*)?|/api/v1/task/[^/]+/events/?|/w/[^/]+/chat/stream|/w/[^/]+/tasks/[^/]+/events"
    r"|/api/chatgpt/v1(/.*)?|/w/[^/]+/conversations/[^/]+/stream",
    re.DOTALL,
)


def _is_streaming(path: str) -> bool:
    # The pattern says so too, but takes longer for what is asked most.
    return path.startswith("/v1/") or _STREAMING.fullmatch(path) is not None


async def _lifespan(receive: Receive, send: Send) -> None:
    """What the gateway holds is given back at the end; nothing else waits for either end."""
    starting: asyncio.Task[None] | None = None
    while True:
        message: Message = await receive()
        if message["type"] == "lifespan.startup":
            # What the start made stays: the collector need not look at it again and again while it serves.
            gc.freeze()
            # A request leaves hardly any circles behind; looking for them every 700 objects took 3 % of its time.
            gc.set_threshold(*_COLLECT_AFTER)
            # Not waited for: the pages are there while the database is still being reached.
            starting = asyncio.create_task(gateway.start())
        elif starting is not None:
            await asyncio.gather(starting, return_exceptions=True)
            await gateway.stop()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
