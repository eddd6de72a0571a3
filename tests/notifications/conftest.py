from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery
from apps.notifications.services import deliver as delivering
from apps.notifications.services import outbox
from apps.notifications.services.lanes import Lanes
from tests.notifications.receiver import Receiver, receiving


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def other_receiver(receiver: Receiver) -> Iterator[Receiver]:
    with receiving() as other:
        yield other


@pytest.fixture
def add(workspace: Workspace) -> Callable[..., Delivery]:
    """Write one event for an endpoint, and give its row."""

    def add(endpoint: str, **fields: Any) -> Delivery:
        event = {
            "workspace_id": workspace.pk,
            "subject": "task:1",
            "kind": "completed",
            "body": '{"timestamp":1,"data":{}}',
        }
        outbox.add([outbox.Event(endpoint=endpoint, **{**event, **fields})])
        return Delivery.objects.across_workspaces().latest("id")

    return add


@pytest.fixture
def pump(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Send what is due, as a process does that knows nothing of the lanes yet."""

    def pump(*, slice_seconds: float = 20, linger_seconds: float = 0) -> bool:
        monkeypatch.setattr(delivering, "_lanes", Lanes())
        return delivering.deliver(slice_seconds=slice_seconds, linger_seconds=linger_seconds)

    return pump


def pass_time(seconds: float) -> None:
    """Let every delivery be so much older: its clock is the database's, so its instants move."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_delivery SET occurred_at = occurred_at - %(by)s * interval '1 second',"
            " created_at = created_at - %(by)s * interval '1 second',"
            " next_attempt_at = next_attempt_at - %(by)s * interval '1 second'",
            {"by": seconds},
        )


def seconds_to_next(delivery: Delivery) -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM next_attempt_at - statement_timestamp())::float8"
            " FROM notifications_delivery WHERE id = %s",
            [delivery.pk],
        )
        return float(cursor.fetchone()[0])
