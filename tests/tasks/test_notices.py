"""Notices of changed tasks: after the commit, once each, and never in anybody's way."""

import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from redis import Redis

from apps.tasks.services import notices

A, B = uuid.uuid4(), uuid.uuid4()


class Heard:
    """A subscriber of the channel."""

    def __init__(self, client: Redis) -> None:
        self._pubsub = client.pubsub()
        self._pubsub.subscribe(notices.CHANNEL)
        assert self._pubsub.get_message(timeout=5)["type"] == "subscribe"  # type: ignore[index]

    def next(self, timeout: float = 5) -> uuid.UUID | None:
        message: Any = self._pubsub.get_message(timeout=timeout)
        return None if message is None else notices.task_of(message["data"])

    def close(self) -> None:
        self._pubsub.close()


@pytest.fixture
def heard() -> Iterator[Heard]:
    notices.forget_connections()
    with Redis.from_url(settings.REDIS_URL) as client:
        found = Heard(client)
        yield found
        found.close()
    notices.forget_connections()


@pytest.mark.django_db(transaction=True)
def test_notices_come_after_the_commit_and_once_for_each_task(heard: Heard):
    with transaction.atomic():
        notices.changed([A, B, A])
        assert heard.next(timeout=0.1) is None

    assert [heard.next(), heard.next(), heard.next(timeout=0.1)] == [A, B, None]


@pytest.mark.django_db(transaction=True)
def test_change_that_rolls_back_is_not_told(heard: Heard):
    with transaction.atomic():
        notices.changed([A])
        transaction.set_rollback(True)
    notices.changed([B])

    assert heard.next() == B


@pytest.mark.django_db(transaction=True)
def test_connection_that_was_cut_is_replaced_at_once(heard: Heard):
    notices.changed([A])
    assert heard.next() == A
    with Redis.from_url(settings.REDIS_URL) as client:
        client.client_kill_filter(_type="normal", skipme=True)

    notices.changed([B])

    assert heard.next() == B


@pytest.mark.django_db(transaction=True)
def test_valkey_that_is_away_costs_one_try_and_raises_nothing(
    settings: Any, caplog: pytest.LogCaptureFixture
):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    notices.forget_connections()

    for _ in range(100):
        notices.changed([A, B])

    assert [(record.message, record.count) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("changes not told", 2)
    ]
    notices.forget_connections()


def test_nothing_changed_asks_for_no_connection(settings: Any):
    settings.REDIS_URL = "not an address"
    notices.forget_connections()

    notices.changed([])


@pytest.mark.parametrize("message", [b"", b"{}", b"[]", b'{"task": 1}', b'{"task": "x"}', b"\xff"])
def test_what_is_no_notice_is_nobodys(message: bytes):
    assert notices.task_of(message) is None
