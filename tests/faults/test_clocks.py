"""A machine whose clock is an hour wrong: nothing fires early or late, because the database's clock is what counts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery
from apps.notifications.services import deliver as delivering
from apps.notifications.services.lanes import Lanes
from apps.tasks.models import Attempt, IdempotencyRecord, Status, Task
from apps.tasks.services import claims, sweep
from apps.tasks.services.create import Created, create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due
from apps.tasks.services.request import TaskRequest
from tests.factories import PICTURE, ROUTE, identity, picture, task
from tests.factories.byoa import account
from tests.upstream.running import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=[-1, 1], ids=["an hour behind", "an hour ahead"])
def wrong_clock(request: Any, db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """This machine's clock, for everything that asks Django for the time; the pool has one account."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    account()
    right, wrong_by = timezone.now, timedelta(hours=request.param)

    def now() -> datetime:
        return right() + wrong_by

    monkeypatch.setattr(timezone, "now", now)


def move(table: str, column: str, seconds: float) -> None:
    """Put an instant of all rows so far from now, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = statement_timestamp() + %s * interval '1 second'",  # noqa: S608
            [seconds],
        )


def test_waiting_task_is_dispatched_when_its_time_has_come(workspace: Workspace):
    made = picture(workspace)
    move("tasks_task", "wake_at", 30)
    assert dispatch() == 0

    move("tasks_task", "wake_at", 0)
    assert dispatch() == 1
    assert Attempt.objects.get().task_id == made.id


def test_new_task_is_dispatched_at_once(workspace: Workspace):
    picture(workspace)

    assert dispatch() == 1


def test_lease_of_work_at_a_provider_holds_and_ends(workspace: Workspace):
    picture(workspace)
    dispatch()
    [sent] = due.to_send(limit=5, busy=[])

    assert due.to_follow(limit=5, busy=[]) == []
    move("tasks_attempt", "next_at", 0)
    [again] = due.to_follow(limit=5, busy=[])
    assert (again.id, again.claims, again.state) == (sent.id, 2, Attempt.State.UNKNOWN)
    assert 500 < again.seconds_left < 601
    assert again.seconds_old < 60


def test_claim_of_the_local_engine_holds_and_ends(workspace: Workspace):
    made = task(workspace)
    first = claims.claim(task_id=made.id, route=ROUTE, worker="one")
    assert first is not None

    assert claims.claim(task_id=made.id, route=ROUTE, worker="two") is None
    assert claims.renew(first)
    move("tasks_task", "lease_until", 0)
    second = claims.claim(task_id=made.id, route=ROUTE, worker="two")
    assert second is not None
    assert (second.attempt, claims.renew(first)) == (2, False)


@pytest.mark.parametrize("seconds", [None, 60])
def test_deadline_ends_a_task_when_it_is_over_and_not_before(
    workspace: Workspace, seconds: int | None
):
    picture(workspace, deadline_seconds=seconds)
    assert sweep.fail_overdue() == 0
    assert _seconds_to_deadline() == pytest.approx(seconds or 24 * 3600, abs=10)

    move("tasks_task", "deadline_at", 0)
    assert sweep.fail_overdue() == 1
    assert Task.objects.of(workspace.pk).get().status == Status.FAILED


def _seconds_to_deadline() -> float:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM deadline_at - statement_timestamp()) FROM tasks_task"
        )
        return float(cursor.fetchone()[0])


def test_event_is_sent_again_after_its_wait_and_not_before(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    receiver.answer("500 200")
    picture(workspace, webhook_endpoint=f"{receiver.url}/hook")

    def deliver() -> int:
        monkeypatch.setattr(delivering, "_lanes", Lanes())
        delivering.deliver(linger_seconds=0)
        total: int = receiver.counts()["total"]
        return total

    assert (deliver(), deliver()) == (1, 1)
    move("notifications_delivery", "next_attempt_at", 0)
    assert (deliver(), deliver()) == (2, 2)
    assert Delivery.objects.of(workspace.pk).get().state == Delivery.State.DELIVERED


@pytest.mark.parametrize(("hours", "is_replayed"), [(23.5, True), (24.5, False)])
def test_idempotency_key_is_kept_for_a_day(workspace: Workspace, hours: float, is_replayed: bool):
    first = _create_with_key(workspace)
    move("tasks_idempotencyrecord", "created_at", -hours * 3600)

    second = _create_with_key(workspace)

    assert (second.replayed, second.task.id == first.task.id) == (is_replayed, is_replayed)
    assert IdempotencyRecord.objects.of(workspace.pk).get().task_id == second.task.id


def _create_with_key(workspace: Workspace) -> Created:
    request = TaskRequest(**PICTURE, idempotency_key="k", fingerprint=b"1" * 32)
    return create_task(identity=identity(workspace), request=request)
