"""Who runs the servers of a data directory, and who merely uses them.

Locks of the kernel, so a process that dies in any way gives them back.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path

_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that runs the servers: `up`, or another command for its own duration."""

    pid: int
    verb: str
    url: str = ""


class DataDirLock:
    """One process owns the servers; others share in them until the owner wants to stop."""

    def __init__(self, *, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._owner_file = _open(data_dir / "owner.lock")
        self._users_file = _open(data_dir / "users.lock")

    def own(self, *, verb: str, url: str = "") -> bool:
        """Become the owner. False at once if somebody is."""
        if not _lock(self._owner_file, fcntl.LOCK_EX):
            return False
        self._owner_file.seek(0)
        self._owner_file.truncate()
        json.dump(asdict(Owner(pid=os.getpid(), verb=verb, url=url)), self._owner_file)
        self._owner_file.flush()
        return True

    def share(self) -> bool:
        """Become a user: while this holds, an owner that ends waits. False if it is ending."""
        return _lock(self._users_file, fcntl.LOCK_SH)

    def owner(self) -> Owner | None:
        """The present owner; None if there is none (or it began this very moment)."""
        if _lock(self._owner_file, fcntl.LOCK_EX):
            fcntl.flock(self._owner_file, fcntl.LOCK_UN)
            return None
        self._owner_file.seek(0)
        try:
            return Owner(**json.load(self._owner_file))
        except ValueError:
            return None

    def wait_for_users(self, *, seconds: float) -> bool:
        """For the owner, before it stops: no user is left and none comes. False after the time."""
        deadline = time.monotonic() + seconds
        while not _lock(self._users_file, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def release(self) -> None:
        """Give back everything; the object is of no more use."""
        self._owner_file.close()
        self._users_file.close()


def _open(path: Path) -> TextIOWrapper:
    return path.open("a+")


def _lock(file: TextIOWrapper, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
