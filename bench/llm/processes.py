"""The processes of the benchmark: each in a group of its own, all gone when it leaves, however it leaves."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from bench.llm.client import Load, Seen
from config.supervisor import die_with_parent

_STOP_SECONDS = 20
_LOG_TAIL = 2_000


@dataclass(frozen=True)
class Place:
    """Where everything runs that talks to each other: a network of its own, or this machine's loopback."""

    prefix: Sequence[str] = ()
    # Why it is the machine's loopback and no network of its own.
    reason: str = ""

    @contextlib.contextmanager
    def running(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> Iterator["Program"]:
        """The command, ended with all its children on leaving. What it says goes to a file, or the pipe.

        Without an `environment` it has ours.
        """
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [*self.prefix, *command],
                env=os.environ if environment is None else environment,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=None if pipes else subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
            try:
                yield Program(process, log)
            finally:
                end(process)

    @contextlib.contextmanager
    def mock(self) -> Iterator["Mock"]:
        with self.running([sys.executable, "-m", "bench.llm.mock"], pipes=True) as program:
            assert program.process.stdout is not None
            port = json.loads(program.process.stdout.readline())["port"]
            yield Mock(port, program)

    @contextlib.contextmanager
    def client(self, load: Load) -> Iterator["Client"]:
        """A load under way."""
        with self.running([sys.executable, "-m", "bench.llm.client"], pipes=True) as program:
            assert program.process.stdin is not None
            program.process.stdin.write(json.dumps(asdict(load)).encode())
            program.process.stdin.close()
            yield Client(program)

    def drive(self, load: Load) -> Seen:
        """A load from its beginning to its end."""
        with self.client(load) as client:
            return client.result()


@dataclass(frozen=True)
class Program:
    process: "subprocess.Popen[bytes]"
    log: IO[bytes]

    def tail(self) -> str:
        """The last that it said, for a message that it did not do what it should."""
        self.log.seek(max(0, self.log.seek(0, os.SEEK_END) - _LOG_TAIL))
        return self.log.read().decode(errors="replace")

    def children(self) -> list[int]:
        """The processes that it started itself and that still run."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    def workers(self) -> list[int]:
        """The children that serve, of a server that starts some; not those that count their resources."""
        return [pid for pid in self.children() if b"spawn_main" in _command_line(pid)]

    def cpu_seconds(self) -> float:
        """What it and its children have used of the processors so far."""
        ticks = 0
        for pid in [self.process.pid, *self.children()]:
            _, _, after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
            user, system = after_name.split()[11:13]
            ticks += int(user) + int(system)
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Resident memory of the largest process of it."""
        pids = [self.process.pid, *self.children()]
        return max(_rss_kb(pid) for pid in pids) / 1024


@dataclass(frozen=True)
class Mock:
    port: int
    program: Program = field(repr=False)

    def release(self) -> None:
        """Let the streams go on that are held."""
        assert self.program.process.stdin is not None
        self.program.process.stdin.write(b"release\n")
        self.program.process.stdin.flush()


@dataclass(frozen=True)
class Client:
    program: Program

    def wait_open(self) -> int:
        """Wait until every connection has received a token; how many."""
        line = self._line()
        if "open" not in line:
            del line["received"]
            raise SystemExit(f"bench: the streams ended before all were open: {line}")
        return int(line["open"])

    def result(self) -> Seen:
        while "open" in (line := self._line()):
            pass
        return Seen(**line)

    def _line(self) -> dict[str, Any]:
        assert self.program.process.stdout is not None
        line = self.program.process.stdout.readline()
        if not line:
            raise SystemExit("bench: the load generator failed; its output is above.")
        return dict(json.loads(line))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def use_files(number: int = 65_536) -> None:
    """Allow ourselves and what we start that many open files: a thousand streams are two thousand of a gateway."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if most == resource.RLIM_INFINITY else min(number, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group: asked first, then killed."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _rss_kb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
