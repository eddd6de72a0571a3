"""`./run up`: everything on one machine, from an empty folder to a real result.

Servers, database, web, workers and schedule under one supervisor; one real task over
HTTP to show that all of it works; then it stays until Ctrl-C and takes everything along.
"""

import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from socket import socket

import httpx
from django.core.exceptions import ImproperlyConfigured

from config import up_models, up_sandbox
from config.embedded_binaries import CannotStart
from config.embedded_lock import DataDirLock
from config.embedded_run import (
    data_directory,
    given_servers,
    local_environment,
    missing_servers,
)
from config.supervisor import GaveUp, Program, Supervisor
from config.up_bootstrap import Demo, Unprepared, load, prepare
from config.up_preflight import listen, look_at_machine, look_at_servers
from config.up_programs import has_local_engine, schedule, web, workers
from config.up_task import Result, TaskFailed, dollars, run_task

_PROJECT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 120
_LOCK_PATIENCE_SECONDS = 60
_USERS_PATIENCE_SECONDS = 1
_TICK_SECONDS = 0.2
_OPEN_FILES = 65_536
_began = time.monotonic()


def main() -> int:
    """Start, show, stay. The exit code is 0 after Ctrl-C and 1 when it could not start or go on."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_interrupt)
    try:
        _up(data_dir=data_directory(), port=_port())
    except (CannotStart, GaveUp) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _up(*, data_dir: Path, port: int) -> None:
    look_at_machine(data_dir=data_dir)
    _allow_open_files()
    lock = DataDirLock(data_dir=data_dir)
    os.register_at_fork(after_in_child=lock.release)  # the lock is ours, not our children's
    supervisor = Supervisor(log_dir=data_dir / "log")
    _own(lock, data_dir, f"http://127.0.0.1:{port}")
    listener = listen(port=port)
    try:
        os.environ.update(_start_servers(supervisor, data_dir))
        stand_ins = [*_stand_ins(data_dir), *_models(data_dir)]
        demo = _bootstrap(supervisor)
        for program in (*stand_ins, web(listener), *workers(), schedule()):
            supervisor.start(program)
        _wait_until_ready(supervisor, port)
        if has_local_engine():
            _show_task(supervisor, demo, f"http://127.0.0.1:{port}")
        _show_addresses(supervisor, demo)
        _stay(supervisor)
    finally:
        up_sandbox.forget(data_dir=data_dir)
        _stop(supervisor, lock, listener)


def _allow_open_files() -> None:
    """Many systems allow 1,024 open files, which a thousand connections at once would use up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _own(lock: DataDirLock, data_dir: Path, url: str) -> None:
    """Become the owner of the data directory; a passing command (`./run manage`) is waited for."""
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    told = False
    while not lock.own(verb="up", url=url):
        owner = lock.owner()
        if owner and owner.verb == "up":
            raise CannotStart(
                f"Modelyard already runs on {_short(data_dir)} at {owner.url} (process "
                f"{owner.pid}): stop it with Ctrl-C there, or set DATA_DIR and PORT for another."
            )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"Another ./run command (process {owner and owner.pid}) uses the servers in "
                f"{_short(data_dir)} and does not end."
            )
        if not told:
            _say("Waiting for another ./run command that uses the servers …")
            told = True
        time.sleep(_TICK_SECONDS)


def _start_servers(supervisor: Supervisor, data_dir: Path) -> dict[str, str]:
    """The environment of the processes, once the servers in it answer."""
    given = given_servers()
    servers = missing_servers(data_dir=data_dir, given=given)
    look_at_servers(given)
    servers.start(supervisor)
    where = {True: f"embedded, in {_short(data_dir)}", False: "as the environment says"}
    _say(f"PostgreSQL answers ({where[servers.postgres]}).")
    _say(f"Valkey answers ({where[servers.valkey]}).")
    return (
        local_environment(data_dir=data_dir)
        | _static_files(data_dir)
        | given
        | servers.environment()
    )


def _static_files(data_dir: Path) -> dict[str, str]:
    """As in a release: collected, compressed, cached for ever under hashed names."""
    wanted = {"STATIC_COLLECTED": "true", "STATIC_ROOT": str(data_dir / "static")}
    return {name: os.environ.get(name) or value for name, value in wanted.items()}


def _stand_ins(data_dir: Path) -> list[Program]:
    """Stand-ins for payment providers where none is configured, so that the whole flow can be walked."""
    if not up_sandbox.is_wanted():
        return []
    listener = up_sandbox.listen()
    told = up_sandbox.environment(data_dir=data_dir, listener=listener)
    os.environ.update(told)
    return [up_sandbox.program(listener, data_dir=data_dir, told=told)]


def _models(data_dir: Path) -> list[Program]:
    """The local model server, where this machine can run it."""
    if not (has_local_engine() and up_models.is_wanted()):
        return []
    listener = up_models.listen(data_dir=data_dir)
    os.environ.update(up_models.environment(listener))
    return [up_models.program(listener)]


def _bootstrap(supervisor: Supervisor) -> Demo:
    """Load everything and prepare the database, or say in a sentence why that failed."""
    try:
        load()
        demo = prepare(say=_say)
    except ImproperlyConfigured as error:
        raise CannotStart(f"A setting is wrong: {error}") from error
    except Unprepared as error:
        log = supervisor.log_dir / "bootstrap.log"
        log.write_text(error.traceback)
        raise CannotStart(
            f"The database could not be prepared: {error} ({_short(log)} has the rest)"
        ) from error
    _say(f"Demo workspace “{demo['workspace']}” has credits and a key.")
    return demo


def _wait_until_ready(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    answer = "nothing"
    while time.monotonic() < deadline:
        _report(supervisor)
        try:
            response = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1, trust_env=False)
        except httpx.HTTPError as error:
            answer = str(error)
        else:
            answer = response.text
            if response.status_code == httpx.codes.OK:
                _say("Web, workers and schedule are ready.")
                return
        time.sleep(_TICK_SECONDS)
    tails = "\n".join(f"--- {name}\n{supervisor.log_tail(name)}" for name in ("web", "worker"))
    raise CannotStart(f"Not ready after {_READY_SECONDS} s; /readyz says: {answer}\n{tails}")


def _show_task(supervisor: Supervisor, demo: Demo, url: str) -> None:
    """Send the one real task. If it fails we stay, since everything else can be looked at."""
    try:
        for event in run_task(base_url=url, api_key=demo["api_key"]):
            if isinstance(event, Result):
                _print(f"\n  Result     {event.url}")
                _print(f"  Cost       {dollars(event.points)} ({event.points:,} points)")
                _print(f"  Once more\n{_curl(url, demo['api_key'])}")
            else:
                _say(event)
    except (TaskFailed, httpx.HTTPError) as error:
        _print(f"\n  The task failed: {error}\n{supervisor.log_tail('local', lines=5)}")


def _show_addresses(supervisor: Supervisor, demo: Demo) -> None:
    _print(f"\n  API key    {demo['api_key']}")
    home = f"{demo['base_url']}/w/{demo['workspace']}/"
    _print(f"  Dashboard  {home}   {demo['email']}   {demo['password']}")
    _print(f"  API docs   {demo['base_url']}/docs/api")
    if "LOCAL_MODELS_URL" in os.environ:
        _print(f"  Chat\n{_chat(demo['base_url'], demo['api_key'])}")
    if "SANDBOX_URL" in os.environ:
        _print(f"  Payments   test payments: cards {demo['base_url']}/sandbox/stripe/console,")
        _print(f"             tokens {demo['base_url']}/sandbox/chain/ (no real money moves)")
    _print(f"  Logs       {_short(supervisor.log_dir)}")
    _print("\n  Ctrl-C stops everything.")


def _curl(url: str, key: str) -> str:
    head = '{"model":"Qubico/image-toolkit","task_type":"background-remove","input":{"image":"'
    return (
        f"  (printf '{head}'; base64 -w0 static/demo/photo.jpg; printf '\"}}}}') |\n"
        f"    curl -s {url}/api/v1/task -H 'x-api-key: {key}' -d @-"
    )


def _chat(url: str, key: str) -> str:
    body = '{"model":"local-chat","messages":[{"role":"user","content":"Name three colours."}]}'
    return f"  curl -s {url}/v1/chat/completions -H 'authorization: Bearer {key}' -d '{body}'"


def _stay(supervisor: Supervisor) -> None:
    while True:
        _report(supervisor)
        time.sleep(_TICK_SECONDS)


def _stop(supervisor: Supervisor, lock: DataDirLock, listener: socket) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends soon; half a stop would help nobody
    began = time.monotonic()
    listener.close()
    if not lock.wait_for_users(seconds=_USERS_PATIENCE_SECONDS):
        _say("Another ./run command still uses the servers; it loses them now.")
    supervisor.stop()
    lock.release()
    _say(f"Everything is stopped ({time.monotonic() - began:.1f} s).")


def _report(supervisor: Supervisor) -> None:
    for event in supervisor.check():
        _say(event)


def _say(text: str) -> None:
    _print(f"{time.monotonic() - _began:6.1f} s  {text}")


def _print(text: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads any more, which is no reason not to stop well
        print(text, flush=True)


def _short(path: Path) -> str:
    return f"./{path.relative_to(_PROJECT)}" if path.is_relative_to(_PROJECT) else str(path)


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit():
        raise CannotStart(f"PORT must be a number, not {text!r}.")
    return int(text)


def _raise_interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
