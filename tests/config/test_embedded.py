"""The servers of `./run`, for real: started, killed, shared, refused."""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

import psycopg
import pytest

from config.embedded import Servers, socket_directory
from config.embedded_binaries import CannotStart
from config.embedded_lock import DataDirLock, Owner
from config.supervisor import Supervisor

PROJECT = Path(__file__).resolve().parent.parent.parent
WRITE = """
import os, psycopg, redis, sys
with psycopg.connect(os.environ["DATABASE_URL"]) as c:
    c.execute("CREATE TABLE kept (word text)"); c.execute("INSERT INTO kept VALUES ('yes')")
redis.Redis.from_url(os.environ["REDIS_URL"]).set("kept", "yes")
print("written", flush=True)
sys.stdin.read()
"""
READ = """
import json, os, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as c:
    one = lambda sql: c.execute(sql).fetchone()[0]
    answer = {"postgres": one("SELECT word FROM kept"), "tcp": one("SHOW listen_addresses"),
              "checksums": one("SHOW data_checksums"), "fsync": one("SHOW fsync")}
answer["valkey"] = redis.Redis.from_url(os.environ["REDIS_URL"]).get("kept").decode()
print(json.dumps(answer))
"""
KEPT = {"postgres": "yes", "tcp": "", "checksums": "on", "fsync": "on", "valkey": "yes"}
PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def launch(data_dir: Path, script: str, *options: str, **env: str) -> subprocess.Popen[str]:
    """`config.embedded_run` with a Python script as its command."""
    inherited = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.Popen(
        [sys.executable, "-m", "config.embedded_run", *options, "--", sys.executable, "-c", script],
        cwd=PROJECT,
        env={**inherited, "DATA_DIR": str(data_dir), **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer_of(process: subprocess.Popen[str]) -> dict[str, str]:
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    answer: dict[str, str] = json.loads(out.splitlines()[-1])
    return answer


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def end_of_input(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def processes_of(data_dir: Path) -> set[int]:
    """Everything that was started for the data directory, whatever it calls itself."""
    mark, found = os.fsencode(f"DATA_DIR={data_dir}\0"), set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = (entry / "cwd").resolve().is_relative_to(data_dir)
            if inside or mark in (entry / "environ").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def wait_for_end(pids: set[int], *, seconds: float) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with os.fdopen(descriptor):
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            assert poll.poll(seconds * 1000), f"process {pid} lives on"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests that leave it stopped and intact; the first writes what others read."""
    folder = tmp_path_factory.mktemp("data")
    process = launch(folder, WRITE)
    process.communicate("", timeout=60)
    assert process.returncode == 0
    return folder


def test_servers_keep_data_and_leave_no_process(data_dir: Path) -> None:
    assert answer_of(launch(data_dir, READ)) == KEPT
    assert processes_of(data_dir) == set()


@pytest.mark.parametrize("everything", [False, True], ids=["the supervisor", "everything"])
def test_servers_survive_a_kill_of(data_dir: Path, everything: bool) -> None:
    process = launch(data_dir, "import sys; print('up', flush=True); sys.stdin.read()")
    assert line_of(process.stdout) == "up\n"
    pids = processes_of(data_dir)
    assert len(pids) > 3
    for pid in {process.pid} | (pids if everything else set()):
        with suppress(ProcessLookupError):  # its parent's death took it along already
            os.kill(pid, signal.SIGKILL)
    process.communicate()
    wait_for_end(pids, seconds=5)
    assert answer_of(launch(data_dir, READ)) == KEPT


def test_stale_lock_file_of_a_reused_process_number_is_ignored(data_dir: Path) -> None:
    stale = data_dir / "postgres" / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1\n5432\n{data_dir}/run\n\n")
    assert answer_of(launch(data_dir, READ)) == KEPT


def test_sessions_that_outlive_their_server_are_ended_before_the_next_one(data_dir: Path) -> None:
    """One that is stopped notices nothing, as one that is busy; later it would write beside its successors."""
    process = launch(data_dir, "import sys; print('up', flush=True); sys.stdin.read()")
    assert line_of(process.stdout) == "up\n"
    pids = processes_of(data_dir)
    [writer] = [pid for pid in pids if b"background writer" in title(pid)]
    [server] = [pid for pid in pids if b"/postgres\0" in title(pid)]
    os.kill(writer, signal.SIGSTOP)
    for pid in (process.pid, server):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    wait_for_end(pids - {writer}, seconds=5)
    assert title(writer)

    assert answer_of(launch(data_dir, READ)) == KEPT

    assert title(writer) == b""


def title(pid: int) -> bytes:
    """How a process calls itself; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_second_command_shares_the_servers(data_dir: Path) -> None:
    owner = launch(data_dir, "import sys; print('up', flush=True); sys.stdin.read()")
    assert line_of(owner.stdout) == "up\n"
    before = processes_of(data_dir)
    assert answer_of(launch(data_dir, READ)) == KEPT
    assert processes_of(data_dir) >= before  # nobody stopped them
    owner.communicate("", timeout=30)
    assert (owner.returncode, processes_of(data_dir)) == (0, set())


def test_owner_that_ends_waits_for_the_other_command(data_dir: Path) -> None:
    with launch(data_dir, "import sys; print('up', flush=True); sys.stdin.read()") as owner:
        assert line_of(owner.stdout) == "up\n"
        user = launch(data_dir, "import sys; print('up', flush=True); sys.stdin.read()\n" + READ)
        assert line_of(user.stdout) == "up\n"
        end_of_input(owner)
        waiting = "run: waiting for another command that uses these servers.\n"
        assert line_of(owner.stderr) == waiting
        assert answer_of(user) == KEPT
        assert owner.wait(30) == 0
    assert processes_of(data_dir) == set()


def test_exit_code_of_the_command_is_ours(data_dir: Path) -> None:
    process = launch(data_dir, "raise SystemExit(7)")
    process.communicate(timeout=30)
    assert process.returncode == 7


def test_secrets_are_readable_by_nobody_else(data_dir: Path) -> None:
    modes = {
        name: (data_dir / name).stat().st_mode & 0o777
        for name in ("password", "secret_key", "run", "valkey/valkey.conf")
    }
    assert modes == {
        "password": 0o600,
        "secret_key": 0o600,
        "run": 0o700,
        "valkey/valkey.conf": 0o600,
    }


def test_temporary_servers_are_fast_apart_and_removed(tmp_path: Path) -> None:
    given = "postgresql://production.invalid/app"
    script = (
        "import json, os, psycopg\n"
        "with psycopg.connect(os.environ['DATABASE_URL']) as c:\n"
        "    fsync = c.execute('SHOW fsync').fetchone()[0]\n"
        "print(json.dumps({'fsync': fsync, 'folder': os.environ['DATA_DIR']}))"
    )
    process = launch(tmp_path, script, "--temporary", "--fast", DATABASE_URL=given)
    answer = answer_of(process)
    assert answer["fsync"] == "off"
    assert not Path(answer["folder"]).exists()
    assert list(tmp_path.iterdir()) == []


def test_temporary_servers_can_be_named(tmp_path: Path) -> None:
    given = {"TEST_DATABASE_URL": "postgresql://a/b", "TEST_REDIS_URL": "redis://c"}
    seen = answer_of(launch(tmp_path, PRINT_ENVIRONMENT, "--temporary", **given))
    assert (seen["DATABASE_URL"], seen["REDIS_URL"]) == ("postgresql://a/b", "redis://c")


def test_given_servers_are_used_instead(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://a/b", "REDIS_URL": "redis://c", "PORT": "8123"}
    seen = answer_of(launch(tmp_path, PRINT_ENVIRONMENT, **given))
    names = ("DATABASE_URL", "REDIS_URL", "APP_ENV", "BASE_URL", "DATA_DIR")
    assert [seen[name] for name in names] == [
        "postgresql://a/b",
        "redis://c",
        "local",
        "http://127.0.0.1:8123",
        str(tmp_path),
    ]
    assert not (tmp_path / "postgres").exists()


def test_password_is_needed(data_dir: Path) -> None:
    supervisor, servers = Supervisor(log_dir=data_dir / "log"), Servers(data_dir=data_dir)
    try:
        servers.start(supervisor)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://modelyard:x@/modelyard?host={data_dir}/run")
    finally:
        supervisor.stop()


def test_data_of_another_release_is_refused(tmp_path: Path) -> None:
    pgdata = tmp_path / "postgres"
    pgdata.mkdir()
    (pgdata / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match=rf"{pgdata} was written by PostgreSQL 9, but .* is "):
        Servers(data_dir=tmp_path).start(Supervisor(log_dir=tmp_path / "log"))


def test_wrong_password_file_is_named(data_dir: Path) -> None:
    password = data_dir / "password"
    right = password.read_text()
    supervisor = Supervisor(log_dir=data_dir / "log")
    try:
        password.write_text("wrong")
        with pytest.raises(CannotStart, match="postgres refuses the password in the file"):
            Servers(data_dir=data_dir, valkey=False).start(supervisor)
    finally:
        password.write_text(right)
        supervisor.stop()


def test_socket_directory_is_short_whatever_the_data_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    assert socket_directory(data_dir=tmp_path) == tmp_path / "run"
    assert len(str(socket_directory(data_dir=deep))) < 60
    assert socket_directory(data_dir=deep) != socket_directory(data_dir=deep / "y")


def test_lock_has_one_owner_who_waits_for_users(tmp_path: Path) -> None:
    owner, user = DataDirLock(data_dir=tmp_path), DataDirLock(data_dir=tmp_path)
    assert user.owner() is None
    assert owner.own(verb="up", url="http://x")
    assert not user.own(verb="command")
    assert user.owner() == Owner(pid=os.getpid(), verb="up", url="http://x")
    assert user.share()
    assert not owner.wait_for_users(seconds=0)
    user.release()
    assert owner.wait_for_users(seconds=0)
    late = DataDirLock(data_dir=tmp_path)
    assert not late.share()
    owner.release()
    assert late.own(verb="command")
    late.release()
