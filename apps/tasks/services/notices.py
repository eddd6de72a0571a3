"""Telling the processes that hold event streams which tasks changed.

A notice is a hint and carries only an id: who hears it reads the row, and a stream looks by itself now and then. So a
lost notice costs seconds, and Valkey being away costs whoever changed a task next to nothing and never its work.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from functools import partial

import orjson
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

CHANNEL = "tasks:changed"
_TIMEOUT_SECONDS = 0.25
# Nobody is told anything this long after a failure, so that an outage does not cost every change a time-out.
_PAUSE_SECONDS = 1.0

_client: Redis | None = None
_paused_until = 0.0


def changed(task_ids: Sequence[uuid.UUID]) -> None:
    """Say that these tasks changed, once the current transaction has committed. Never raises for a fault of Valkey."""
    if task_ids:
        transaction.on_commit(partial(_publish, list(dict.fromkeys(task_ids))))


def task_of(message: bytes) -> uuid.UUID | None:
    """The task a notice is about, or None when it is no notice of ours."""
    try:
        return uuid.UUID(orjson.loads(message)["task"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _publish(task_ids: list[uuid.UUID]) -> None:
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        # Of no use to anybody as a transaction; one round trip all the same.
        pipe = _shared().pipeline(transaction=False)
        for task_id in task_ids:
            pipe.publish(CHANNEL, orjson.dumps({"task": task_id}))
        pipe.execute()
    except RedisError as error:
        _paused_until = time.monotonic() + _PAUSE_SECONDS
        log.warning(
            "changes not told", extra={"error": type(error).__name__, "count": len(task_ids)}
        )


def _shared() -> Redis:
    """One pool for the process. It gives every thread a connection of its own and notices a fork by itself."""
    global _client
    if _client is None:
        _client = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # One retry at once: the server may have closed a connection that was idle.
            retry=Retry(NoBackoff(), 1),
        )
    return _client


def forget_connections() -> None:
    """For tests that change the server's address: the next notice connects anew."""
    global _client, _paused_until
    if _client is not None:
        _client.close()
    _client, _paused_until = None, 0.0
