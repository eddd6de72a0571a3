"""One Modelyard as `./run up` starts it, in a folder and on a port of its own, to be shot at."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from config.embedded import Servers
from tests.faults import processes

PROJECT = Path(__file__).resolve().parent.parent.parent
_READY_SECONDS = 120
_PAUSE_SECONDS = 0.1
# What a process calls itself, and what we call it.
_ROLES = {
    r"worker@\S+:MainProcess": "worker",
    r"provider@\S+:MainProcess": "provider worker",
    r"deliver@\S+:MainProcess": "delivery worker",
    r"local@\S+:MainProcess": "local worker",
    r"\b(worker|provider|deliver|local)@\S+:ForkPoolWorker": "pool process",
    r"modelyard web": "web",
    r"modelyard beat|celery beat": "beat",
    r"valkey": "valkey",
    r"^postgres: (?!modelyard)": "database helper",
    r"^postgres: ": "database session",
    r"postgres .*-D": "postmaster",
}


class NotReady(Exception):
    """It did not come up; the message ends with what it printed."""


class Platform:
    """`start`, then `restart` as often as you like, then `stop`. Its data stay until the folder is removed."""

    def __init__(self, *, folder: Path, port: int | None = None, **environment: str) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = _clean_environment() | {
            "DATA_DIR": str(folder),
            "PORT": str(self.port),
            "EGRESS_ALLOW": "127.0.0.0/8",
            **environment,
        }
        self._up: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------------ life
    def start(self) -> float:
        """Start and wait until everything is ready. Says how many seconds that took."""
        began = time.monotonic()
        with (self.folder / "up.log").open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "config.up"],
                cwd=PROJECT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self.is_ready():
            if self._up.poll() is not None or time.monotonic() - began > _READY_SECONDS:
                raise NotReady((self.folder / "up.log").read_text()[-3000:])
            time.sleep(_PAUSE_SECONDS)
        return time.monotonic() - began

    def is_ready(self) -> bool:
        """Whether /readyz says so: web, database, Valkey and a worker for each queue."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def is_running(self) -> bool:
        """Whether the supervisor is there. It must never end by itself."""
        return self._up is not None and self._up.poll() is None

    def terminate(self) -> float:
        """SIGTERM, as an init system would. The seconds until everything was gone."""
        began, everything = time.monotonic(), self.everything()
        assert self._up is not None
        self._up.send_signal(signal.SIGTERM)
        self._up.wait(60)
        wait_for_end(everything)
        return time.monotonic() - began

    def kill_supervisor(self) -> set[int]:
        """kill -9 of it alone. What was running below it."""
        everything = self.everything()
        assert self._up is not None
        self._up.kill()
        self._up.wait()
        return everything

    def kill_everything(self) -> None:
        """kill -9 of the supervisor and of all that it started, as a power cut ends them."""
        for pid in self.kill_supervisor():
            processes.kill(pid)

    def stop(self) -> None:
        """However it is."""
        if self.is_running():
            with suppress(subprocess.TimeoutExpired):
                self.terminate()
        for pid in self.everything():
            processes.kill(pid)
        if self._up is not None and self._up.poll() is None:
            self._up.kill()
            self._up.wait()

    # ----------------------------------------------------------------------- parts
    def everything(self) -> set[int]:
        """All processes below the supervisor."""
        return set(processes.descendants(self._up.pid)) if self._up is not None else set()

    def parts(self) -> dict[int, str]:
        """Process number and role of each process that can be killed for itself."""
        assert self._up is not None
        found = processes.descendants(self._up.pid)
        roles = {pid: _role(command) for pid, command in found.items()}
        return {pid: role for pid, role in roles.items() if role}

    def flush(self) -> bool:
        """FLUSHALL. False when Valkey was not there."""
        try:
            with redis.Redis.from_url(self.servers.environment()["REDIS_URL"]) as client:
                client.flushall()
        except redis.RedisError:
            return False
        return True

    # ------------------------------------------------------------------------ data
    @property
    def servers(self) -> Servers:
        return Servers(data_dir=self.folder)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database answers. Raises `psycopg.Error` while it is away."""
        url = self.servers.environment()["DATABASE_URL"]
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def manage(self, *arguments: str, **environment: str) -> str:
        """The output of a management command. Raises `subprocess.CalledProcessError`."""
        done = subprocess.run(
            [sys.executable, "-m", "config.embedded_run", "--", sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self._environment | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise subprocess.CalledProcessError(
                done.returncode, arguments, done.stdout, done.stderr
            )
        return done.stdout

    def demo_key(self) -> str:
        """The key of the workspace that every start makes."""
        kept: dict[str, dict[str, str]] = json.loads((self.folder / "demo.json").read_text())
        return kept["demo"]["api_key"]

    def workspace(self, name: str, *options: str) -> str:
        """A demo workspace of that name; its API key."""
        output = self.manage("demo", "--json", "--workspace", name, *options)
        key: str = json.loads(output.splitlines()[-1])["api_key"]
        return key

    def add_account(
        self, *, label: str, url: str, slots: int, credential: str, **config: Any
    ) -> int:
        """An account of the operator's pool at a server that speaks the contract."""
        output = self.manage(
            "pool", "add", "--json", "--provider", "federation", "--label", label, "--base-url", url,
            "--slots", str(slots), "--config", json.dumps(config), POOL_CREDENTIAL=credential,
        )  # fmt: skip
        number: int = json.loads(output.splitlines()[-1])["id"]
        return number


def wait_for_end(pids: set[int], *, seconds: float = 10) -> set[int]:
    """Those that are still alive when the time is over."""
    until = time.monotonic() + seconds
    while (left := processes.alive(pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _role(command: str) -> str:
    return next((role for pattern, role in _ROLES.items() if re.search(pattern, command)), "")


def _clean_environment() -> dict[str, str]:
    """Nothing of the caller's settings: its servers are not ours."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "PG_BIN", "VALKEY_BIN")
    return {name: os.environ[name] for name in kept if name in os.environ}
