"""The processes of the platform as `./run up` starts them: the Procfile's, on one machine."""

import signal
import sys
from pathlib import Path
from socket import socket

from config.supervisor import Program

_PROJECT = Path(__file__).resolve().parent.parent
_STAGE = 1  # stops before the servers do


def web(environment: dict[str, str], listener: socket) -> Program:
    """Dashboard, API, gateway and event streams on one socket, which stays the caller's."""
    return Program(
        name="web",
        argv=(sys.executable, "-m", "config.up_web", str(listener.fileno())),
        env=environment,
        cwd=_PROJECT,
        stage=_STAGE,
        pass_fds=(listener.fileno(),),
    )


def workers(environment: dict[str, str]) -> list[Program]:
    """The workers of all queues; that of the local engine only where there is one."""
    programs = [_worker(environment, "worker", queues="default,provider,deliver", processes=2)]
    if has_local_engine(environment):
        programs.append(_worker(environment, "local", queues="local", processes=1))
    return programs


def schedule(environment: dict[str, str]) -> Program:
    """What starts the sweeps. One, never two."""
    # In memory: the schedule is fixed in the settings, and a file could be spoilt by a kill.
    return _celery(environment, "beat", "beat", "--scheduler=celery.beat:Scheduler", "--pidfile=")


def has_local_engine(environment: dict[str, str]) -> bool:
    """LOCAL_ENGINE as the settings read it."""
    return environment.get("LOCAL_ENGINE", "").lower() != "false"


def _worker(environment: dict[str, str], name: str, *, queues: str, processes: int) -> Program:
    return _celery(
        environment,
        name,
        "worker",
        f"--queues={queues}",
        f"--concurrency={processes}",
        f"--hostname={name}@%h",
        "--without-mingle",  # there is nothing to learn from the workers next door
        "--without-gossip",
        # On this signal a worker puts unfinished work back instead of waiting for its end.
        stop_signal=signal.SIGQUIT,
    )


def _celery(
    environment: dict[str, str],
    name: str,
    *arguments: str,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, "-m", "celery", "--app=config.celery", *arguments),
        env=environment,
        cwd=_PROJECT,
        stage=_STAGE,
        stop_signal=stop_signal,
    )
