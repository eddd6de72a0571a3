import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.supervisor import GaveUp, Program, Supervisor, rotate_log
from tests.config.test_embedded import wait_for_end


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(log_dir=tmp_path / "log")
    yield supervisor
    supervisor.stop()


def program(*argv: str, name: str = "thing", stage: int = 1) -> Program:
    return Program(
        name=name,
        argv=argv,
        env=dict(os.environ),
        stage=stage,
        cwd=Path("/"),
        patience_seconds=0.5,
    )


def fork(call: Callable[[], object], *, name: str = "thing") -> Program:
    return Program(name=name, call=call, stage=1, cwd=Path("/"), patience_seconds=0.5)


def events(supervisor: Supervisor, *, count: int) -> list[str]:
    seen: list[str] = []
    for _ in range(400):
        seen += supervisor.check()
        if len(seen) >= count:
            return seen
        threading.Event().wait(0.02)
    raise AssertionError(f"only {seen}")


def test_crashed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(program("sh", "-c", "echo here; exit 3"))
    assert events(supervisor, count=2) == [
        "thing ended (exit code 3); it starts again in 1 s.",
        "thing was started again.",
    ]


def test_crash_says_which_signal(supervisor: Supervisor) -> None:
    supervisor.start(program("sleep", "60"))
    os.kill(supervisor.pid("thing"), signal.SIGKILL)
    assert events(supervisor, count=1) == ["thing ended (signal SIGKILL); it starts again in 1 s."]


def test_kills_from_outside_are_no_reason_to_give_up(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.supervisor._LONGEST_BACK_OFF_SECONDS", 0)
    supervisor.start(program("sleep", "60"))
    for _ in range(10):
        os.kill(supervisor.pid("thing"), signal.SIGKILL)
        assert events(supervisor, count=2) == [
            "thing ended (signal SIGKILL); it starts again in 0 s.",
            "thing was started again.",
        ]


def test_program_that_keeps_crashing_ends_everything(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.supervisor._LONGEST_BACK_OFF_SECONDS", 0)
    supervisor.start(program("sh", "-c", "echo oops; exit 3"))
    with pytest.raises(
        GaveUp, match=r"^thing ends again and again. Its log says:\n(oops\n){7}oops$"
    ):
        events(supervisor, count=100)


def test_program_that_had_settled_is_started_soon(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor.start(program("sh", "-c", "exit 3"))
    assert events(supervisor, count=3)[2] == "thing ended (exit code 3); it starts again in 2 s."
    monkeypatch.setattr("config.supervisor._SETTLED_SECONDS", 0)
    assert events(supervisor, count=2)[1] == "thing ended (exit code 3); it starts again in 1 s."


def test_forked_function_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(fork(lambda: sys.exit("here")))
    assert events(supervisor, count=2) == [
        "thing ended (exit code 1); it starts again in 1 s.",
        "thing was started again.",
    ]
    assert supervisor.log_tail("thing", lines=1) == "here"


def test_forked_function_tells_its_log_why_it_failed(supervisor: Supervisor) -> None:
    supervisor.start(fork(lambda: 1 // 0))
    assert events(supervisor, count=1) == ["thing ended (exit code 1); it starts again in 1 s."]
    assert (
        supervisor.log_tail("thing", lines=1)
        == "ZeroDivisionError: integer division or modulo by zero"
    )


def test_forked_function_ends_when_asked_and_is_killed_when_deaf(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    fifo = tmp_path / "ready"
    os.mkfifo(fifo)

    def deaf() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fifo.write_text("deaf")
        signal.pause()

    supervisor.start(fork(signal.pause, name="polite"))
    supervisor.start(fork(deaf, name="deaf"))
    assert fifo.read_text() == "deaf"
    pids = [supervisor.pid("polite"), supervisor.pid("deaf")]
    supervisor.stop()
    assert [is_running(pid) for pid in pids] == [False, False]


def test_unknown_program_cannot_be_started(supervisor: Supervisor) -> None:
    with pytest.raises(GaveUp, match="thing cannot be started"):
        supervisor.start(program("/nonexistent/program"))


def test_log_tail_is_what_the_program_printed_last(supervisor: Supervisor) -> None:
    supervisor.start(program("sh", "-c", "seq 100; echo oops >&2"))
    events(supervisor, count=1)
    assert supervisor.log_tail("thing", lines=2) == "100\noops"


def test_stop_kills_what_does_not_want_to_end(supervisor: Supervisor, tmp_path: Path) -> None:
    fifo = tmp_path / "ready"
    os.mkfifo(fifo)
    stubborn = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork();"
        f"child and open({str(fifo)!r}, 'w').write(f'{{os.getpid()}} {{child}}'); time.sleep(60)"
    )
    supervisor.start(program(sys.executable, "-c", stubborn))
    pids = {int(pid) for pid in fifo.read_text().split()}
    supervisor.stop()
    wait_for_end(pids, seconds=5)


def test_stop_goes_from_the_highest_stage_down(supervisor: Supervisor, tmp_path: Path) -> None:
    order, script = (
        tmp_path / "order",
        "trap 'echo {0} >> {1}; exit' TERM; echo up > {2}; while :; do sleep 0.01; done",
    )
    for name, stage in (("database", 0), ("web", 1)):
        fifo = tmp_path / name
        os.mkfifo(fifo)
        supervisor.start(
            program("sh", "-c", script.format(name, order, fifo), name=name, stage=stage)
        )
        assert fifo.read_text() == "up\n"
    supervisor.stop()
    assert order.read_text().split() == ["web", "database"]


def test_rotate_log_keeps_the_open_file(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    with path.open("a") as log:
        log.write("old" * 10)
        log.flush()
        rotate_log(path, limit=29)
        log.write("new")
    assert (path.read_text(), (tmp_path / "web.log.1").read_text()) == ("new", "old" * 10)


def test_rotate_log_leaves_a_small_log_alone(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text("small")
    rotate_log(path, limit=5)
    assert [file.name for file in tmp_path.iterdir()] == ["web.log"]


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie that nobody has fetched yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
