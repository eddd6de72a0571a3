"""The processes of the platform as `./run up` starts them: the Procfile's, on one machine.

They are forks of the process that starts them, which has imported everything: a start
takes a moment instead of seconds for each, and they share what they have in common.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from signal import SIGQUIT, SIGTERM, Signals
from socket import socket

from config import env
from config.supervisor import Program

_PROJECT = Path(__file__).resolve().parent.parent
_STAGE = 1  # stops before the servers do


def web(listener: socket) -> Program:
    """Dashboard, API, gateway and event streams on one socket, which stays the caller's."""
    return _program("web", lambda: import_module("config.up_web").serve(listener))


def workers() -> list[Program]:
    """The workers of all queues; that of the local engine only where there is one."""
    # Each its own: a slow provider or receiver must not keep the dispatch waiting.
    programs = [
        _worker("worker", queues="default", processes=2),
        _worker("provider", queues="provider", processes=2),
        _worker("deliver", queues="deliver", processes=1),
    ]
    if has_local_engine():
        programs.append(_worker("local", queues="local", processes=1))
    return programs


def schedule() -> Program:
    """What starts the sweeps. One, never two."""
    # In memory: the schedule is fixed in the settings, and a file could be spoilt by a kill.
    return _program("beat", _celery("beat", "--scheduler=celery.beat:Scheduler", "--pidfile="))


def has_local_engine() -> bool:
    """LOCAL_ENGINE as the settings read it."""
    return env.flag("LOCAL_ENGINE", default=True)


def _worker(name: str, *, queues: str, processes: int) -> Program:
    command = _celery(
        "worker",
        f"--queues={queues}",
        f"--concurrency={processes}",
        f"--hostname={name}@%h",
        "--without-mingle",  # there is nothing to learn from the workers next door
        "--without-gossip",
    )
    # On this signal a worker puts unfinished work back instead of waiting for its end.
    return _program(name, command, stop_signal=SIGQUIT)


def _celery(*arguments: str) -> Callable[[], object]:
    return lambda: import_module("config.celery").app.start(argv=list(arguments))


def _program(name: str, call: Callable[[], object], *, stop_signal: Signals = SIGTERM) -> Program:
    return Program(name=name, call=call, cwd=_PROJECT, stage=_STAGE, stop_signal=stop_signal)
