"""Keeps a set of processes running, and takes them along when it ends.

A process is another program, or a function of this one in a fork: whatever was imported
before the fork costs the child neither time nor memory.

One thread, no threads of its own: the kernel ties a child's life to the *thread* that
started it (PR_SET_PDEATHSIG), so programs are started from the main thread only.
"""

import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from setproctitle import setproctitle

_PR_SET_PDEATHSIG = 1
_LONGEST_BACK_OFF_SECONDS = 30
# Who ran for so long had started well: its end is the first one again.
_SETTLED_SECONDS = 10
_CRASHES_ALLOWED = 8
_CRASH_WINDOW_SECONDS = 300
_LARGEST_LOG_BYTES = 10 * 1024 * 1024
_LOG_CHECK_SECONDS = 30

_libc = ctypes.CDLL(None, use_errno=True)


class GaveUp(Exception):
    """A program could not be kept running; the message ends with the tail of its log."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how it wants to be ended.

    `death_signal` is what the kernel sends it when the supervisor dies without a
    word; a database needs one it can shut down on, anything whose work is safe in
    the database is best killed. Programs stop from the highest `stage` to the lowest.
    """

    name: str
    stage: int
    cwd: Path
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    call: Callable[[], object] | None = None  # run in a fork, instead of argv
    stop_signal: signal.Signals = signal.SIGTERM
    patience_seconds: float = 4  # after the stop signal; then it is killed
    death_signal: signal.Signals = signal.SIGKILL
    uid: int | None = None
    before_start: Callable[[], None] = lambda: None


@dataclass(kw_only=True)
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | _Fork"
    started_at: float = field(default_factory=time.monotonic)
    hasty_ends: int = 0  # in a row
    crashes: list[float] = field(default_factory=list)
    restart_at: float | None = None

    def note_end(self, code: int) -> float:
        """Count it. Says how many seconds to wait before the next start."""
        now = time.monotonic()
        if now - self.started_at >= _SETTLED_SECONDS:
            self.hasty_ends = 0
        self.hasty_ends += 1
        # A kill -9 comes from outside (an operator, a kernel short of memory): no fault that waits in the program.
        if code != -signal.SIGKILL:
            self.crashes = [t for t in self.crashes if t > now - _CRASH_WINDOW_SECONDS] + [now]
        return float(min(2 ** (self.hasty_ends - 1), _LONGEST_BACK_OFF_SECONDS))


class Supervisor:
    """Starts programs, restarts those that end by themselves, stops all in order.

    Nothing happens on its own: the owner calls `check()` a few times a second.
    """

    def __init__(self, *, log_dir: Path) -> None:
        self.log_dir = log_dir
        self._children: dict[str, _Child] = {}
        self._logs_checked_at = time.monotonic()
        log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start(self, program: Program) -> None:
        """Start a program under its name. Raises `GaveUp` when it cannot be executed at all."""
        self._children[program.name] = _Child(program=program, process=self._spawn(program))

    def check(self) -> list[str]:
        """Restart what ended. Returns a sentence for each thing that happened.

        A program that ends again within ten seconds waits longer each time (1, 2, 4 …
        30 s). After eight crashes in five minutes this raises `GaveUp`; ends by SIGKILL
        do not count, since whoever sent it wants the program dead, not the platform.
        """
        self._rotate_logs()
        return [event for child in self._children.values() for event in self._look_after(child)]

    def is_running(self, name: str) -> bool:
        return self._children[name].process.poll() is None

    def pid(self, name: str) -> int:
        return self._children[name].process.pid

    def log_tail(self, name: str, *, lines: int = 15) -> str:
        """The last lines that the program printed, for an error message."""
        try:
            written = (self.log_dir / f"{name}.log").read_bytes()[-20_000:]
        except OSError:
            return ""
        return "\n".join(written.decode(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End every program, stage by stage; what is left after its patience is killed.

        When this returns no child is left, and what a child had started in its own group
        has been killed.
        """
        stages = {child.program.stage for child in self._children.values()}
        for stage in sorted(stages, reverse=True):
            members = [c for c in self._children.values() if c.program.stage == stage]
            _stop_together(members)
        self._children.clear()

    def _spawn(self, program: Program) -> "subprocess.Popen[bytes] | _Fork":
        program.before_start()
        with (self.log_dir / f"{program.name}.log").open("ab") as log:
            if program.call is not None:
                return _Fork(program, program.call, log.fileno())
            try:
                return _execute(program, log)
            except OSError as error:
                raise GaveUp(f"{program.name} cannot be started: {error}.") from error

    def _look_after(self, child: _Child) -> list[str]:
        name = child.program.name
        if child.restart_at is not None:
            return self._start_again(child)
        code = child.process.poll()
        if code is None:
            return []
        _kill_group(child.process)  # what it left behind must not meet its successor
        wait = child.note_end(code)
        if len(child.crashes) >= _CRASHES_ALLOWED:
            raise GaveUp(f"{name} ends again and again. Its log says:\n{self.log_tail(name)}")
        child.restart_at = time.monotonic() + wait
        return [f"{name} ended ({_ending(code)}); it starts again in {wait:.0f} s."]

    def _start_again(self, child: _Child) -> list[str]:
        if child.restart_at is None or time.monotonic() < child.restart_at:
            return []
        child.process, child.restart_at = self._spawn(child.program), None
        child.started_at = time.monotonic()
        return [f"{child.program.name} was started again."]

    def _rotate_logs(self) -> None:
        if time.monotonic() - self._logs_checked_at < _LOG_CHECK_SECONDS:
            return
        self._logs_checked_at = time.monotonic()
        for child in self._children.values():
            rotate_log(self.log_dir / f"{child.program.name}.log", limit=_LARGEST_LOG_BYTES)


class _Fork:
    """A function in a child process, with as much of Popen's ways as the supervisor needs."""

    def __init__(self, program: Program, call: Callable[[], object], log: int) -> None:
        prepare = die_with_parent(program.death_signal)

        def run() -> None:
            prepare()
            for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
                os.dup2(log, descriptor)
            os.chdir(program.cwd)
            setproctitle(f"modelyard {program.name}")
            call()

        self._process = multiprocessing.get_context("fork").Process(target=run)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        self._process.join(timeout)
        if timeout is not None and self._process.exitcode is None:
            raise subprocess.TimeoutExpired("fork", timeout)

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def rotate_log(path: Path, *, limit: int) -> None:
    """Move the content of a log over `limit` bytes to `<name>.1`, keeping the file itself.

    The program keeps its open file, so the content is copied and the file cut; lines
    written between the two are lost, which a log of a developer's machine can bear.
    """
    if path.exists() and path.stat().st_size > limit:
        shutil.copyfile(path, path.with_suffix(".log.1"))
        os.truncate(path, 0)


def die_with_parent(
    death_signal: signal.Signals, *, new_session: bool = True
) -> Callable[[], None]:
    """A `preexec_fn`: the kernel ends the child when this process dies in any way.

    A session of its own keeps a terminal's Ctrl-C away from a child whose end the
    supervisor wants to order itself. Ctrl-C is made to work again where it is ignored.
    """
    parent = os.getpid()

    def prepare() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if new_session:
            os.setsid()
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare


def _execute(program: Program, log: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(program.env),
        cwd=program.cwd,
        preexec_fn=die_with_parent(program.death_signal),
        **_identity(program.uid),
    )


def _identity(uid: int | None) -> dict[str, Any]:
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


def _stop_together(children: list[_Child]) -> None:
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(child.program.stop_signal)
    asked_at = time.monotonic()
    for child in children:
        left = asked_at + child.program.patience_seconds - time.monotonic()
        try:
            child.process.wait(max(0.0, left))
        except subprocess.TimeoutExpired:
            child.process.kill()
        _kill_group(child.process)
        child.process.wait()


def _kill_group(process: "subprocess.Popen[bytes] | _Fork") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
