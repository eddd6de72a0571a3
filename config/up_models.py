"""The local model server beside `./run up`, where the local engine is on and its packages are there."""

import os
from importlib import import_module
from pathlib import Path
from socket import socket

from apps.providers.local.chat.packages import missing
from config.embedded import socket_directory
from config.embedded_binaries import CannotStart
from config.supervisor import Program

_PROJECT = Path(__file__).resolve().parent.parent
_NAMES = ("LOCAL_MODELS_SOCKET", "LOCAL_MODELS_URL")


def is_wanted() -> bool:
    """Unless the environment names a server, or packages are missing. `LOCAL_ENGINE` is the caller's to ask."""
    return not any(os.environ.get(name) for name in _NAMES) and not missing()


def listen(*, data_dir: Path) -> socket:
    """The server's socket, which stays the caller's: a server that crashes is replaced without a refused connection.

    Raises `CannotStart`.
    """
    folder = socket_directory(data_dir=data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_mode & 0o077:
        raise CannotStart(f"{folder} is open to others: remove it, or set DATA_DIR.")
    listener: socket = import_module("apps.localmodels.serve").listen(folder / "models.sock")
    return listener


def environment(listener: socket) -> dict[str, str]:
    """What makes the platform use the server."""
    return {
        "LOCAL_MODELS_SOCKET": listener.getsockname(),
        "LOCAL_MODELS_URL": "http://local-models",  # the name is for logs, the socket decides
    }


def program(listener: socket) -> Program:
    """The server's process."""
    return Program(
        name="models",
        call=lambda: import_module("apps.localmodels.serve").serve(listener),
        cwd=_PROJECT,
        stage=1,
    )
