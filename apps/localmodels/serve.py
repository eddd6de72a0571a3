"""The process: `python -m apps.localmodels.serve --socket PATH`, or with --host and --port."""

import argparse
import os
from pathlib import Path
from socket import AF_INET, AF_UNIX, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

import uvicorn

from apps.localmodels.app import create_app
from apps.providers.local.chat.llama import llama

_BACKLOG = 256
_ENVIRONMENT = {
    # No engine may look for a newer model on the network behind our back.
    "HF_HUB_OFFLINE": "1",
    # Libraries that size a thread pool by the machine would starve everything else on it.
    "OMP_NUM_THREADS": "2",
}


def listen(path: Path) -> socket:
    """A socket at this path, for us alone; what lay there is replaced."""
    path.unlink(missing_ok=True)
    listener = socket(AF_UNIX, SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener


def serve(listener: socket) -> None:
    """Serve until SIGTERM; what is being answered then is cut after two seconds."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if listener.family == AF_UNIX:
        llama.socket = Path(listener.getsockname()).with_name("llama.sock")
    config = uvicorn.Config(
        create_app(),
        # uvloop takes no foreign unix socket for one of its own.
        loop="asyncio",
        timeout_graceful_shutdown=2,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(prog="apps.localmodels.serve")
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    options = parser.parse_args()
    serve(listen(options.socket) if options.socket else _listen(options.host, options.port))


def _listen(host: str, port: int) -> socket:
    listener = socket(AF_INET, SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    return listener


if __name__ == "__main__":
    main()
