"""The real web server on a free port, as the Procfile starts it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

WORKERS = 2


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def workers_rss_mb(self) -> list[float]:
        """Resident memory of each worker process, in MB."""
        children = subprocess.run(
            ["ps", "-o", "rss=", "--ppid", str(self.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        return [int(line) / 1024 for line in children.stdout.split()]


@contextlib.contextmanager
def web() -> Iterator[Server]:
    """Granian over config.wsgi with the benchmark's settings; ended on leaving."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(WORKERS), "--blocking-threads", "4", "--log-level", "warning", "--no-ws",
        "config.wsgi:application",
    ]  # fmt: skip
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings"}
    process = subprocess.Popen(command, env=env)
    try:
        _wait(port, process)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(15)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("bench: the web server ended at its start; its output is above.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("bench: the web server did not start within 30 seconds.")
