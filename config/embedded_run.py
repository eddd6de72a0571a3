"""`python -m config.embedded_run [--temporary [--fast]] -- COMMAND …`: a command with servers.

With DATABASE_URL and REDIS_URL set the command gets those. Otherwise it gets the
servers of $DATA_DIR: those that run, or ones that run for as long as it does. With
--temporary it gets servers of its own in a folder that is removed afterwards (or
TEST_DATABASE_URL and TEST_REDIS_URL), and never those of DATABASE_URL: that is for tests.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import up_sandbox
from config.embedded import Servers, kept_secret, socket_directory
from config.embedded_binaries import CannotStart
from config.embedded_lock import DataDirLock
from config.supervisor import GaveUp, Supervisor, die_with_parent

_START_PATIENCE_SECONDS = 60
_TICK_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Run the command; its exit code, or 1 with a sentence when servers cannot be had."""
    parser = argparse.ArgumentParser(prog="config.embedded_run")
    parser.add_argument("--temporary", action="store_true")
    parser.add_argument("--fast", action="store_true", help="give up safety against power cuts")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _raise_exit)
    try:
        if options.temporary:
            return _run_with_temporary_servers(options.command, durable=not options.fast)
        return _run_with_kept_servers(options.command, data_dir=data_directory())
    except (CannotStart, GaveUp) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def data_directory() -> Path:
    """DATA_DIR as an absolute path, by default `var` in the project."""
    default = Path(__file__).resolve().parent.parent / "var"
    return Path(os.environ.get("DATA_DIR") or default).absolute()


def given_servers(prefix: str = "") -> dict[str, str]:
    """The server addresses that the environment names, if any."""
    names = ("DATABASE_URL", "REDIS_URL")
    return {name: os.environ[prefix + name] for name in names if os.environ.get(prefix + name)}


def missing_servers(*, data_dir: Path, given: dict[str, str], durable: bool = True) -> Servers:
    """The servers to run ourselves, next to those that are given."""
    return Servers(
        data_dir=data_dir,
        durable=durable,
        postgres="DATABASE_URL" not in given,
        valkey="REDIS_URL" not in given,
    )


def local_environment(*, data_dir: Path) -> dict[str, str]:
    """What every process of a local installation is told, unless the environment says otherwise.

    The SECRET_KEY is made up once and kept in the data directory.
    """
    port = os.environ.get("PORT") or "8000"
    defaults = {"APP_ENV": "local", "PORT": port, "BASE_URL": f"http://127.0.0.1:{port}"}
    environment = {name: os.environ.get(name) or value for name, value in defaults.items()}
    environment["DATA_DIR"] = str(data_dir)
    environment["SECRET_KEY"] = os.environ.get("SECRET_KEY") or kept_secret(
        path=data_dir / "secret_key"
    )
    return environment


def _run_with_temporary_servers(command: list[str], *, durable: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="modelyard-", ignore_cleanup_errors=True) as folder:
        data_dir = Path(folder)
        given = given_servers("TEST_")
        servers = missing_servers(data_dir=data_dir, given=given, durable=durable)
        environment = local_environment(data_dir=data_dir)
        try:
            with _running(servers) as supervisor:
                return _run(command, environment | given | servers.environment(), supervisor)
        finally:
            shutil.rmtree(socket_directory(data_dir=data_dir), ignore_errors=True)


def _run_with_kept_servers(command: list[str], *, data_dir: Path) -> int:
    given = given_servers()
    environment = local_environment(data_dir=data_dir) | given
    servers = missing_servers(data_dir=data_dir, given=given)
    if not (servers.postgres or servers.valkey):
        return _run(command, environment, None)
    lock = DataDirLock(data_dir=data_dir)
    try:
        if _become_owner(lock, servers):
            with _running(servers) as supervisor:
                code = _run(command, environment | servers.environment(), supervisor)
                _wait_for_users(lock)
                return code
        if (owner := lock.owner()) and owner.url and not os.environ.get("BASE_URL"):
            environment["BASE_URL"] = owner.url
        if up_sandbox.is_wanted():
            environment |= up_sandbox.running(data_dir=data_dir)
        code = _run(command, environment | servers.environment(), None)
        if code and lock.owner() is None:
            print("run: the servers were stopped while this command used them.", file=sys.stderr)
        return code
    finally:
        lock.release()


def _become_owner(lock: DataDirLock, servers: Servers) -> bool:
    """True: we are to run the servers. False: they run, and we count as their user."""
    deadline = time.monotonic() + _START_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if lock.own(verb="command"):
            return True
        if lock.share() and servers.answer():
            return False
        time.sleep(_TICK_SECONDS)
    owner = lock.owner()
    who = f"process {owner.pid}" if owner else "another process"
    raise CannotStart(f"{who} holds {servers.data_dir}, but its servers do not answer.")


def _wait_for_users(lock: DataDirLock) -> None:
    if not lock.wait_for_users(seconds=0):
        print("run: waiting for another command that uses these servers.", file=sys.stderr)
        while not lock.wait_for_users(seconds=_START_PATIENCE_SECONDS):
            continue


@contextmanager
def _running(servers: Servers) -> Iterator[Supervisor]:
    supervisor = Supervisor(log_dir=servers.data_dir / "log")
    try:
        servers.start(supervisor)
        yield supervisor
    finally:
        supervisor.stop()


def _run(command: list[str], environment: dict[str, str], supervisor: Supervisor | None) -> int:
    """Run in the foreground: the terminal's Ctrl-C reaches the command, which decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        preexec_fn=die_with_parent(signal.SIGTERM, new_session=False),
    )
    try:
        while True:
            try:
                return _exit_code(process.wait(_TICK_SECONDS))
            except subprocess.TimeoutExpired:
                if supervisor:
                    supervisor.check()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _exit_code(code: int) -> int:
    return 128 - code if code < 0 else code


def _raise_exit(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
