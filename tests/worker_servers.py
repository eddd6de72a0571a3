"""The servers of one process of a suite that runs in several (pytest-xdist).

Two processes that shared a Valkey would empty each other's caches and hear each other's messages. So each has a
PostgreSQL, a Valkey and a data directory of its own, which end with it. What TEST_DATABASE_URL names is used by all:
pytest-django gives each process a database of its own there.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from config.embedded import socket_directory
from config.embedded_run import given_servers, missing_servers
from config.supervisor import Supervisor

# A program that a test starts inherits the environment, and needs no servers beside ours.
_STARTED = "TEST_WORKER_SERVERS"


def environment() -> dict[str, str]:
    """Their addresses, in a process of pytest-xdist; they are started at the first call. Nothing elsewhere."""
    if "PYTEST_XDIST_WORKER" not in os.environ or _STARTED in os.environ:
        return {}
    data_dir = Path(tempfile.mkdtemp(prefix="modelyard-tests-"))
    supervisor = Supervisor(log_dir=data_dir / "log")
    atexit.register(_end, supervisor, data_dir, os.getpid())
    given = given_servers("TEST_")
    servers = missing_servers(data_dir=data_dir, given=given, durable=False)
    servers.start(supervisor)
    started = {"DATA_DIR": str(data_dir), _STARTED: os.environ["PYTEST_XDIST_WORKER"]}
    return started | given | servers.environment()


def _end(supervisor: Supervisor, data_dir: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of this process ends, and the servers are not its own
        return
    supervisor.stop()
    shutil.rmtree(socket_directory(data_dir=data_dir), ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)
