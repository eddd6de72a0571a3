"""What a process of the tests gets for itself before its settings are read, and what ends with it.

In a suite that runs in several processes (pytest-xdist) two that shared a Valkey would empty each other's caches and
hear each other's messages. So each has a PostgreSQL, a Valkey and a data directory of its own. What TEST_DATABASE_URL
names is used by all: pytest-django gives each process a database of its own there.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from config.embedded import socket_directory
from config.embedded_run import given_servers, missing_servers
from config.supervisor import Supervisor

# A program that a test starts inherits the environment, and needs no servers beside ours.
_STARTED = "TEST_WORKER_SERVERS"


def environment() -> dict[str, str]:
    """Addresses of the servers, which are started at the first call, and DATA_DIR; nothing that is there already."""
    if "PYTEST_XDIST_WORKER" in os.environ and _STARTED not in os.environ:
        return _servers() | {_STARTED: os.environ["PYTEST_XDIST_WORKER"]}
    return {} if "DATA_DIR" in os.environ else {"DATA_DIR": str(_folder())}


def _servers() -> dict[str, str]:
    data_dir = _folder()
    supervisor = Supervisor(log_dir=data_dir / "log")
    _at_exit(supervisor.stop)
    given = given_servers("TEST_")
    servers = missing_servers(data_dir=data_dir, given=given, durable=False)
    servers.start(supervisor)
    return {"DATA_DIR": str(data_dir)} | given | servers.environment()


def _folder() -> Path:
    # In the suite's own folder, which goes at its end: a process that was killed removes nothing.
    folder = Path(tempfile.mkdtemp(prefix="modelyard-tests-", dir=os.environ.get("DATA_DIR")))
    _at_exit(lambda: _remove(folder))
    return folder


def _remove(folder: Path) -> None:
    shutil.rmtree(socket_directory(data_dir=folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _at_exit(end: Callable[[], None]) -> None:
    """At the end of this process, in the reverse order. A fork of it that ends owns nothing of this."""
    owner = os.getpid()
    atexit.register(lambda: end() if os.getpid() == owner else None)
