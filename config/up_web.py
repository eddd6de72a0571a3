"""One web process, on a socket that its parent listens on.

The parent keeps the socket, so a web process that crashes is replaced without a client
seeing a refused connection.
"""

from importlib import import_module
from socket import socket

import uvicorn

from config.up_sandbox import App, with_sandbox


def application() -> App:
    """The platform, and beside it the pages of the stand-ins for payment providers where they run."""
    return with_sandbox(import_module("config.asgi").application)


def serve(listener: socket) -> None:
    """Serve until SIGTERM; open streams are cut after two seconds."""
    config = uvicorn.Config(
        "config.up_web:application",
        factory=True,
        http="apps.gateway.http:Protocol",
        timeout_graceful_shutdown=2,
        access_log=False,  # the application writes its own, with request ids
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # the application decides by TRUSTED_PROXIES whom to believe
    )
    uvicorn.Server(config).run(sockets=[listener])
