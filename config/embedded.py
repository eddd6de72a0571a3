"""The PostgreSQL and Valkey of a developer's machine, kept in one data directory.

Real servers, made to be safe rather than fast: passwords, page checksums, fsync, an
append-only file, unix sockets in a private directory and no TCP at all. Production
sets DATABASE_URL and REDIS_URL and never comes here.
"""

import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from config.embedded_binaries import CannotStart, find_pg_bin, find_valkey, postgres_major
from config.embedded_identity import Identity, postgres_identity
from config.supervisor import Program, Supervisor

_NAME = "modelyard"  # of the database and of its user
_LONGEST_SOCKET_DIRECTORY = 85  # the kernel takes 107 bytes; PostgreSQL adds ".s.PGSQL.5432.lock"
_READY_SECONDS = 120  # recovery after a crash replays what the last checkpoint has not
_FAILED_STARTS_ALLOWED = 3
_DATABASE_STAGE = 0
_STOP_PATIENCE_SECONDS = 30  # a killed database recovers, but a stopped one starts sooner

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
# For data that nobody will miss: a power cut may spoil it, a killed process may not.
_THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The servers of one data directory. Whoever starts them must hold its lock.

    `durable=False` gives up safety against power cuts, for tests. `postgres` and
    `valkey` say which of the two are wanted; the other one is somebody else's.
    """

    data_dir: Path
    durable: bool = True
    postgres: bool = True
    valkey: bool = True

    def start(self, supervisor: Supervisor) -> None:
        """Create what is missing, start, and return when both answer.

        Safe after any crash. Raises `CannotStart` with the reason and the log's tail.
        """
        if not (self.postgres or self.valkey):
            return
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = kept_secret(path=self.data_dir / "password")
        pgdata = self.data_dir / "postgres"
        identity = postgres_identity(pgdata=pgdata) if self.postgres else Identity()
        run = _private_directory(socket_directory(data_dir=self.data_dir), identity)
        if self.postgres:
            supervisor.start(self._prepare_postgres(pgdata, identity, run, password))
        if self.valkey:
            supervisor.start(self._prepare_valkey(run, password))
        if self.postgres:
            _wait_until(lambda: _ensure_database(self), supervisor, "postgres")
        if self.valkey:
            _wait_until(lambda: _ping_valkey(self), supervisor, "valkey")

    def environment(self) -> dict[str, str]:
        """What a process needs to reach these servers."""
        if not (self.postgres or self.valkey):
            return {}
        password = kept_secret(path=self.data_dir / "password")
        run = socket_directory(data_dir=self.data_dir)
        environment = {}
        if self.postgres:
            environment["DATABASE_URL"] = _postgres_url(run, password, _NAME)
        if self.valkey:
            environment["REDIS_URL"] = f"unix://:{quote(password)}@{quote(str(run))}/v.sock?db=0"
        return environment

    def answer(self) -> bool:
        """Whether the servers can be used now."""
        try:
            if self.postgres:
                psycopg.connect(self.environment()["DATABASE_URL"], connect_timeout=5).close()
            return not self.valkey or _ping_valkey(self)
        except (psycopg.OperationalError, redis.RedisError):
            return False

    def _prepare_postgres(
        self, pgdata: Path, identity: Identity, run: Path, password: str
    ) -> Program:
        if not (pgdata / "PG_VERSION").exists():
            _initdb(pgdata, identity, password, sync=self.durable)
        pg_bin = _pg_bin_for(pgdata)
        settings = _SETTINGS | ({} if self.durable else _THROWAWAY_SETTINGS)
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        return Program(
            name="postgres",
            argv=(*identity.prefix, f"{pg_bin}/postgres", f"-D{pgdata}", f"-k{run}", *options),
            env=_server_environment(),
            cwd=self.data_dir,
            stage=_DATABASE_STAGE,
            patience_seconds=_STOP_PATIENCE_SECONDS,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            death_signal=signal.SIGINT,
            uid=identity.uid,
            before_start=lambda: _clear_stale_locks(pgdata, run),
        )

    def _prepare_valkey(self, run: Path, password: str) -> Program:
        binary = find_valkey()
        home = self.data_dir / "valkey"
        home.mkdir(mode=0o700, exist_ok=True)
        configuration = home / "valkey.conf"
        _write_private(configuration, _valkey_configuration(home, run, password, self.durable))
        return Program(
            name="valkey",
            argv=(str(binary), str(configuration)),
            env=_server_environment(),
            cwd=home,
            stage=_DATABASE_STAGE,
            patience_seconds=_STOP_PATIENCE_SECONDS,
            death_signal=signal.SIGTERM,
        )


def socket_directory(*, data_dir: Path) -> Path:
    """Where the sockets are: in the data directory, or in a short place if its path is long."""
    run = data_dir / "run"
    if len(os.fsencode(run)) <= _LONGEST_SOCKET_DIRECTORY:
        return run
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    short = min(tempfile.gettempdir(), "/tmp", key=len)  # noqa: S108 - its owner is checked
    return Path(short) / f"modelyard-{os.geteuid()}-{digest}"


def kept_secret(*, path: Path) -> str:
    """The secret in this file, made up at the first call; nobody else may read it."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, secrets.token_urlsafe(48))
    return path.read_text().strip()


def _write_private(path: Path, content: str) -> None:
    """Write all or nothing, readable by us only from the first byte on."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w") as file:
        file.write(content)
    Path(name).replace(path)


def _private_directory(path: Path, identity: Identity) -> Path:
    """Make the directory ours alone, or refuse: in /tmp somebody may have been there first."""
    path.mkdir(mode=0o700, exist_ok=True)
    owner = path.lstat().st_uid
    if path.is_symlink() or owner not in {os.geteuid(), identity.uid}:
        raise CannotStart(f"{path} belongs to somebody else: remove it, or set DATA_DIR.")
    if identity.uid is not None:
        os.chown(path, identity.uid, identity.uid)
    path.chmod(0o700)
    return path


def _initdb(pgdata: Path, identity: Identity, password: str, *, sync: bool) -> None:
    """Create the cluster beside its place and move it there: half a cluster never stays."""
    pg_bin = find_pg_bin()
    for interrupted in pgdata.parent.glob(".initdb-*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=pgdata.parent, prefix=".initdb-") as folder:
        pwfile = Path(folder) / "password"
        _write_private(pwfile, password)
        identity.hand_over(Path(folder), pwfile)
        new = Path(folder) / "postgres"
        command = [
            *identity.prefix,
            f"{pg_bin}/initdb",
            f"--pgdata={new}",
            f"--username={_NAME}",
            f"--pwfile={pwfile}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--data-checksums",
            *_locale_options(postgres_major(pg_bin=pg_bin)),
            *([] if sync else ["--no-sync"]),
        ]
        done = subprocess.run(
            command, env=_server_environment(), capture_output=True, text=True, **identity.popen()
        )
        if done.returncode:
            raise CannotStart(f"PostgreSQL could not create {pgdata}: {done.stderr.strip()}")
        new.rename(pgdata)


def _locale_options(major: int) -> list[str]:
    """The same order of text on every machine; no release before 17 has it built in."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C"]


def _pg_bin_for(pgdata: Path) -> Path:
    """The programs of the release that wrote the data. Raises `CannotStart` if they are gone."""
    written_by = int((pgdata / "PG_VERSION").read_text())
    pg_bin = find_pg_bin()
    if postgres_major(pg_bin=pg_bin) == written_by:
        return pg_bin
    try:
        return find_pg_bin(major=written_by)
    except CannotStart:
        raise CannotStart(
            f"{pgdata} was written by PostgreSQL {written_by}, but {pg_bin} is "
            f"PostgreSQL {postgres_major(pg_bin=pg_bin)}: move the data with pg_upgrade or "
            f"pg_dump, set PG_BIN to PostgreSQL {written_by}, or set DATA_DIR to a new folder."
        ) from None


def _server_environment() -> dict[str, str]:
    """No locale and no PG* variable of the caller's shell reaches a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _valkey_configuration(home: Path, run: Path, password: str, durable: bool) -> str:
    return f"""\
# Written at every start.
port 0
unixsocket "{run}/v.sock"
unixsocketperm 700
requirepass {password}
dir "{home}"
appendonly {"yes" if durable else "no"}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def _postgres_url(run: Path, password: str, database: str) -> str:
    return f"postgresql://{_NAME}:{quote(password)}@/{database}?host={quote(str(run), safe='')}"


def _wait_until(attempt: Callable[[], object], supervisor: Supervisor, name: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    endings = 0
    while time.monotonic() < deadline and endings < _FAILED_STARTS_ALLOWED:
        try:
            attempt()
            return
        except (psycopg.OperationalError, redis.RedisError) as error:
            _refuse_wrong_password(error, name)
            endings += sum(f"{name} ended" in event for event in supervisor.check())
            time.sleep(0.03)
    raise CannotStart(f"{name} does not start. Its log says:\n{supervisor.log_tail(name)}")


def _refuse_wrong_password(error: Exception, name: str) -> None:
    if "password authentication failed" in str(error) or "WRONGPASS" in str(error):
        raise CannotStart(
            f"{name} refuses the password in the file 'password' of the data directory: bring "
            "back the file that belongs to this data."
        ) from error


def _ensure_database(servers: Servers) -> None:
    password = kept_secret(path=servers.data_dir / "password")
    run = socket_directory(data_dir=servers.data_dir)
    url = _postgres_url(run, password, "postgres")
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME])
        if found.fetchone() is None:
            connection.execute(f"CREATE DATABASE {_NAME}")


def _ping_valkey(servers: Servers) -> bool:
    """True, or an exception: also while it still reads its file."""
    with redis.Redis.from_url(servers.environment()["REDIS_URL"]) as client:
        return bool(client.ping())


def _clear_stale_locks(pgdata: Path, run: Path) -> None:
    """Take away lock files whose PostgreSQL is gone, and end one that nobody looks after.

    We hold the lock of the data directory, so a server that is alive lost its
    supervisor. PostgreSQL itself believes a lock file as soon as *any* process has that
    number, which after a restart of a container is the rule.
    """
    locks = (pgdata / "postmaster.pid", run / ".s.PGSQL.5432.lock")
    for lock in locks:
        pid = _first_number(lock)
        if pid is not None and _is_server_of(pid, pgdata):
            _end(pid)
    _end_orphans(pgdata)
    for lock in locks:
        lock.unlink(missing_ok=True)


def _end_orphans(pgdata: Path) -> None:
    """Kill the sessions of a server that was killed itself, and wait until they are gone.

    They notice its death only when they next wait for something, and may write until
    then. The lock files keep the next server from starting beside them; we take those
    away, so this must come first.
    """
    for _ in range(100):
        left = [pid for pid in _numbers_of_processes() if _is_session_in(pid, pgdata)]
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    raise CannotStart(f"Sessions of a dead PostgreSQL in {pgdata} do not end: {left}.")


def _numbers_of_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]


def _is_session_in(pid: int, pgdata: Path) -> bool:
    """Every process of PostgreSQL works in the data directory and names itself `postgres: …`."""
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
        return title.startswith(b"postgres: ") and Path(f"/proc/{pid}/cwd").samefile(pgdata)
    except OSError:
        return False


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _is_server_of(pid: int, pgdata: Path) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return arguments[0].endswith(b"postgres") and b"-D" + os.fsencode(pgdata) in arguments


def _end(pid: int) -> None:
    """Ask, then insist. Not our child, so there is nothing to wait for but its absence."""
    for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            os.kill(pid, ending)
            for _ in range(100):
                time.sleep(0.05)
                os.kill(pid, 0)
        except ProcessLookupError:
            return
