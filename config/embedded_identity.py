"""As whom PostgreSQL runs. It refuses root, and a container often has nobody else."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded_binaries import CannotStart, find_pg_bin

_NOBODY = 65534
_NAMESPACE = ("unshare", "-U", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """How to start a program as somebody: a command before it, or a user id, or neither."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def popen(self) -> dict[str, Any]:
        """The arguments for `subprocess`."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}

    def hand_over(self, *paths: Path) -> None:
        """Make files that we created readable for that user."""
        if self.uid is not None:
            for path in paths:
                os.chown(path, self.uid, self.uid)


def postgres_identity(*, pgdata: Path) -> Identity:
    """An ordinary user runs PostgreSQL as is; root needs a way around.

    First choice is a user namespace in which root is called nobody: no account is
    needed and files stay root's, so it works below a private /root. Where namespaces
    are forbidden (a chroot, a container's seccomp) PostgreSQL runs as the account nobody,
    if that may enter the folders. Data that another user created stays that user's.
    """
    if os.geteuid() != 0:
        return Identity()
    owner = pgdata.stat().st_uid if pgdata.exists() else 0
    if owner != 0:
        return _account(owner, pgdata)
    return Identity(prefix=_NAMESPACE) if _namespaces_work() else _account(_NOBODY, pgdata)


def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_NAMESPACE, "true"], capture_output=True).returncode == 0


def _account(uid: int, pgdata: Path) -> Identity:
    identity = Identity(uid=uid)
    pgdata.parent.chmod(0o711)  # may be entered, not listed; everything in it has its own rights
    entrance = subprocess.run(
        ["test", "-x", find_pg_bin() / "postgres", "-a", "-x", pgdata.parent], **identity.popen()
    )
    if entrance.returncode:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and here neither user namespaces are allowed nor "
            f"may user {uid} enter {pgdata.parent} and {find_pg_bin()}: run this as an ordinary "
            "user, or put the project where others may read it."
        )
    return identity
