"""Crashes and races while tasks leave the own accounts."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.billing.models import CreditEntry
from apps.ops import audit
from apps.tasks.models import Task
from apps.tasks.services import failover, finish
from apps.tasks.services.dispatch import dispatch
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, change, operators, private, set_account
from tests.tasks.own.helpers import midjourney
from tests.tasks.own.money import DOLLAR, FAST, OUTSIDE, counted, waiting
from tests.tasks.rows import again, balance, plan


@contextmanager
def dying_at(words: str) -> Iterator[None]:
    """The database is gone when it is asked for this."""

    def asked(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if words in sql:
            raise DatabaseError("gone")
        return execute(sql, *rest)

    with connection.execute_wrapper(asked):
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
@pytest.mark.parametrize(
    "words",
    [
        "left_behind",
        'UPDATE "tasks_task"',
        '"tasks_taskevent"',
        "billing_wallet",
        "notifications_notice",
    ],
)
def test_crash_in_the_middle_leaves_the_task_as_it_was(words: str):
    home = private(WorkspaceFactory.create(plan="premium"))
    made = waiting(home)

    with dying_at(words), pytest.raises(DatabaseError):
        failover.look_after()

    assert (again(made).status, again(made).service_mode, again(made).price_points) == (
        "pending", "private", 0,
    )  # fmt: skip
    assert balance(home) == (DOLLAR, 0)
    assert audit.differences() == []
    assert failover.look_after() == 1
    assert balance(home) == (DOLLAR - FAST, FAST)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_sweeps_dispatchers_and_cancels_at_once_move_hold_and_end_each_task_once():
    home = private(WorkspaceFactory.create(plan="premium", points=100 * DOLLAR))
    account = bridge_account(home, "A", **OUTSIDE)
    operators(slots=100)
    plan(home, concurrency_override=100)
    made = [midjourney(home, process_mode="fast") for _ in range(30)]
    change(home, failover_families=["midjourney"])
    set_account(account, is_paused=True)

    def cancel() -> None:
        for one in made[::3]:
            finish.cancel(task=one)

    assert (
        at_once(failover.look_after, failover.look_after, failover.look_after, dispatch, cancel)
        == []
    )
    failover.look_after()
    dispatch()

    now = [again(one) for one in made]
    running = [one for one in now if one.status == "processing"]
    assert len(running) + sum(one.status == "cancelled" for one in now) == 30
    assert all(one.failover_triggered for one in running)
    assert balance(home) == (100 * DOLLAR - len(running) * FAST, len(running) * FAST)
    holds = CreditEntry.objects.of(home.pk).filter(kind="HOLD", held_delta=FAST).count()
    assert holds >= len(running)
    assert counted(home) == {"private": 0, "public": len(running)}
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_wallet_that_covers_some_of_them_is_never_overdrawn():
    home = private(WorkspaceFactory.create(plan="premium", points=5 * FAST))
    bridge_account(home, "A", **OUTSIDE)
    operators(slots=100)
    made = [midjourney(home, process_mode="fast") for _ in range(12)]
    change(home, failover_families=["midjourney"])

    assert at_once(*[functools.partial(failover.look_after)] * 4) == []

    states = sorted(again(one).status for one in made)
    assert states == ["failed"] * 7 + ["pending"] * 5
    assert balance(home) == (0, 5 * FAST)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_task_that_is_just_being_cancelled_is_passed_over():
    home = private(WorkspaceFactory.create(plan="premium"))
    made = waiting(home)
    with transaction.atomic():
        Task.objects.of(home.pk).select_for_update().get(pk=made.pk)
        moved: list[int] = []
        assert at_once(lambda: moved.append(failover.look_after())) == []

    assert moved == [0]
