"""Is the process alive, and can the installation do its work?"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.ops import pool_report

log = logging.getLogger(__name__)

BEAT_SECONDS = 4
# A worker that has not been heard of for this long does not count.
_SILENCE_SECONDS = 12
_KEY = "modelyard:worker:"


@dataclass(frozen=True)
class Check:
    """One thing that must be well, with a sentence when it is not."""

    ok: bool
    detail: str = ""


def valkey() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def beat(*, worker: str, queues: list[str]) -> None:
    """A worker says that it lives. Never raises: the next beat may get through."""
    try:
        with valkey() as client:
            pipe = client.pipeline()
            for queue in queues:
                pipe.set(f"{_KEY}{queue}:{worker}", f"{time.time():.0f}", ex=_SILENCE_SECONDS)
            pipe.execute()
    except redis.RedisError:
        return


def forget(*, worker: str, queues: list[str]) -> None:
    """A worker that stops in good order is no longer counted on."""
    try:
        with valkey() as client:
            client.delete(*(f"{_KEY}{queue}:{worker}" for queue in queues))
    except redis.RedisError:
        return


def readiness() -> dict[str, Check]:
    """Every check by name: database, migrations, valkey, worker."""
    checks: dict[str, Callable[[], Check]] = {
        "database": _database,
        "migrations": _migrations,
        "valkey": _valkey,
        "worker": _worker,
    }
    return {name: _safely(check) for name, check in checks.items()}


def warnings() -> list[str]:
    """What is late: work that nobody starts, events that nobody tells. Empty also when the database does not say."""
    try:
        late, untold = pool_report.late_tasks(), pool_report.late_deliveries()
    except Exception as error:
        # The checks say that the database is away; this must not keep them from being read.
        log.warning("queues not read", extra={"error": type(error).__name__})
        return []
    said = [
        f"{number} {family} tasks have waited for over a minute although there is room"
        for family, number in late.items()
    ]
    if untold:
        said.append(f"{untold} deliveries have been due for over five minutes")
    return said


def _safely(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:
        # The answer is read by machines and strangers: the kind of error, never its text.
        return Check(False, type(error).__name__)


def _database() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Check(True)


_migrated = False


def _migrations() -> Check:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if waiting:
            return Check(False, f"{waiting} migrations are not applied")
        _migrated = True
    return Check(True)


def _valkey() -> Check:
    with valkey() as client:
        client.ping()
    return Check(True)


def _worker() -> Check:
    with valkey() as client:
        queues = {key.decode().split(":")[2] for key in client.scan_iter(f"{_KEY}*", count=1000)}
    missing = sorted(needed_queues() - queues)
    return Check(not missing, f"no worker for {', '.join(missing)}" if missing else "")


def needed_queues() -> set[str]:
    """The queues that must have a worker for the installation to be ready."""
    return {"default", "local"} if settings.LOCAL_ENGINE else {"default"}
