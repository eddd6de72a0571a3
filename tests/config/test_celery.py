"""What we changed of Celery's ways with the broker, against a real one."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from kombu import Connection, Consumer, Producer, Queue
from redis.exceptions import ConnectionError as Away

import config.celery  # noqa: F401 - what it changes is tested
from config import env


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection(env.broker_url(settings.REDIS_URL)) as connection:
        yield connection


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_worker_goes_on_after_a_message_that_it_could_not_end(connection: Connection, end: str):
    channel, queue = connection.default_channel, Queue(f"test-{uuid.uuid4()}")
    got = []
    with Consumer(channel, [queue], on_message=got.append, prefetch_count=1):
        Producer(channel).publish({}, routing_key=queue.name, declare=[queue])
        connection.drain_events(timeout=5)
        assert not channel.qos.can_consume()

        was = _point(channel, "/nonexistent/v.sock")
        with pytest.raises(Away):
            getattr(got[0], end)()

        assert channel.qos.can_consume()
        _point(channel, was)
        queue(channel).delete()


def _point(channel: Any, path: str) -> str:
    """Let every connection of the channel lead there, as if the server were gone; where it led before."""
    pool = channel.pool
    before: str = pool.connection_kwargs["path"]
    pool.disconnect()
    pool.connection_kwargs["path"] = path
    for one in [*pool._available_connections, *pool._in_use_connections]:
        if one is not None:
            one.path = path
    return before
