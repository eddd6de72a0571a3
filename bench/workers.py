"""Celery workers, the beat, and the servers of tests/upstream as processes of a benchmark."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "bench.settings"}


@dataclass(frozen=True)
class Worker:
    pid: int

    def rss_mb(self) -> float:
        """Resident memory of its largest process."""
        listing = subprocess.run(
            ["ps", "-o", "rss=", "--ppid", str(self.pid), "-p", str(self.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        return max(int(line) for line in listing.stdout.split()) / 1024


@contextlib.contextmanager
def celery(queues: str, *, processes: int = 1) -> Iterator[Worker]:
    """A worker on these queues; ended on leaving."""
    arguments = ["worker", "-Q", queues, "-c", str(processes), "--without-mingle", "--without-gossip",
                 "-n", f"{queues.replace(',', '-')}@%h"]  # fmt: skip
    with _process(
        [
            sys.executable,
            "-m",
            "celery",
            "--quiet",
            "-A",
            "config.celery",
            *arguments,
            "-l",
            "WARNING",
        ]
    ) as process:
        yield Worker(process.pid)


@contextlib.contextmanager
def beat() -> Iterator[None]:
    """What starts the periodic jobs."""
    arguments = ["beat", "--scheduler", "celery.beat:Scheduler", "--pidfile=", "-l", "WARNING"]
    with _process([sys.executable, "-m", "celery", "--quiet", "-A", "config.celery", *arguments]):
        yield


@contextlib.contextmanager
def helper(module: str) -> Iterator[str]:
    """One of the servers of tests/upstream; its URL."""
    command = [sys.executable, "-m", module, "--port", "0"]
    with _process(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])


@contextlib.contextmanager
def _process(
    command: list[str], *, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env=os.environ | _ENVIRONMENT, stdout=stdout)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
