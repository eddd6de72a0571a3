"""What `./run up` looks at before it starts anything, each answered by one sentence."""

import os
import platform
import shutil
import socket
import sys
import tempfile
from pathlib import Path

import psycopg
import redis

from config.embedded_binaries import CannotStart

_LEAST_FREE_BYTES = 1024**3
_OLDEST_GLIBC = (2, 28)
_LONGEST_BACKLOG = 2048
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - no file of ours, the place itself


def look_at_machine(*, data_dir: Path) -> None:
    """Raises `CannotStart` for the first thing that would break the start later."""
    if not sys.platform.startswith("linux"):
        raise CannotStart("./run up needs Linux; elsewhere use a container or a virtual machine.")
    _look_at_glibc()
    _look_at_shared_memory()
    _look_at_disk(data_dir)


def listen(*, port: int) -> socket.socket:
    """The socket of the web processes, so that nobody else can take the port meanwhile."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(_LONGEST_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotStart(
            f"Port {port} cannot be used ({error}): stop what uses it, or choose another one, "
            f"e.g. PORT={port + 1 if port < 65535 else 8000} ./run up"
        ) from error
    return listener


def _look_at_glibc() -> None:
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split(".")[:2])) < _OLDEST_GLIBC:
        raise CannotStart(
            f"This system has {name or 'another C library'} {version}; the wheels we use need "
            "glibc 2.28 or newer (Debian 10, Ubuntu 20.04 and later)."
        )


def _look_at_shared_memory() -> None:
    try:
        with tempfile.TemporaryFile(dir=_SHARED_MEMORY):
            return
    except OSError as error:
        raise CannotStart(
            f"{_SHARED_MEMORY} cannot be written ({error.strerror}); Celery and PostgreSQL share "
            "memory there: mount a tmpfs on it."
        ) from error


def _look_at_disk(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"{data_dir} cannot be created ({error.strerror}): set DATA_DIR to another folder."
        ) from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise CannotStart(f"{data_dir} belongs to somebody else: set DATA_DIR to another folder.")
    free = shutil.disk_usage(data_dir).free
    if free < _LEAST_FREE_BYTES:
        raise CannotStart(
            f"{data_dir} has {free // 1024**2} MB free and needs 1 GB: make room, or set DATA_DIR."
        )


def look_at_servers(given: dict[str, str]) -> None:
    """Raises `CannotStart` when a server that the environment names does not answer."""
    try:
        if url := given.get("DATABASE_URL"):
            psycopg.connect(url, connect_timeout=10).close()
    except psycopg.Error as error:
        raise CannotStart(f"DATABASE_URL: the server does not answer: {_line(error)}") from error
    try:
        if url := given.get("REDIS_URL"):
            redis.Redis.from_url(url, socket_connect_timeout=10).ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(f"REDIS_URL: the server does not answer: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
