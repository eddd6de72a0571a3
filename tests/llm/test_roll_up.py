"""Hourly sums follow the rows of calls: once each, also when they are repeated, raced or committed out of order."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.llm.models import UsageHour, UsageMark
from apps.llm.services import roll_up
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.llm.rows import attempt, happened, key_of

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

NOON = datetime(2026, 11, 5, 12, 30, tzinfo=UTC)
ONE = datetime(2026, 11, 5, 13, 5, tzinfo=UTC)


@pytest.fixture
def shop() -> Workspace:
    return WorkspaceFactory.create()


def hours(workspace: Workspace) -> list[tuple[Any, ...]]:
    """Hour, model, key, calls, failed, points."""
    rows = UsageHour.objects.of(workspace.pk).order_by("hour", "model", "api_key_id")
    return [(r.hour.hour, r.model, r.api_key_id, r.calls, r.failed, r.points) for r in rows]


def test_calls_are_summed_by_hour_model_and_key(shop: Workspace) -> None:
    key = key_of(shop)
    rows: list[tuple[datetime, dict[str, Any]]] = [
        (NOON, {"key": key}),
        (NOON, {"key": key, "input_tokens": 5, "points": 7}),
        (NOON, {"key": key, "model": "gpt-4o"}),
        (ONE, {"key": key}),
        (ONE, {"end": "failed", "points": 0, "first_ms": None}),
    ]
    for at, fields in rows:
        happened(attempt(shop, **fields), at)
    happened(attempt(WorkspaceFactory.create()), NOON)

    assert roll_up.sum_up() == 6
    assert hours(shop) == [
        (12, "gpt-4o", key.pk, 1, 0, 33),
        (12, "gpt-4o-mini", key.pk, 2, 0, 40),
        (13, "gpt-4o-mini", key.pk, 1, 0, 33),
        (13, "gpt-4o-mini", None, 1, 1, 0),
    ]
    row = UsageHour.objects.of(shop.pk).get(hour=NOON.replace(minute=0), model="gpt-4o-mini")
    sums = (row.input_tokens, row.output_tokens, row.total_ms, row.first_ms)
    assert sums == (15, 6, 1600, 240)


def test_summing_again_changes_nothing_and_new_rows_are_added(shop: Workspace) -> None:
    happened(attempt(shop), NOON)
    assert (roll_up.sum_up(), roll_up.sum_up()) == (1, 0)

    happened(attempt(shop), NOON)

    assert roll_up.sum_up() == 1
    assert hours(shop) == [(12, "gpt-4o-mini", None, 2, 0, 66)]


def test_a_call_that_went_well_at_the_second_attempt_counts_once(shop: Workspace) -> None:
    call = uuid.uuid4()
    happened(attempt(shop, call=call, end="failed", points=0), NOON)
    roll_up.sum_up()
    # In the next hour, and summed later.
    happened(attempt(shop, call=call, number=2), ONE)
    roll_up.sum_up()

    assert hours(shop) == [(12, "gpt-4o-mini", None, 1, 0, 33)]


def test_a_call_that_failed_everywhere_counts_as_one_failure(shop: Workspace) -> None:
    call = uuid.uuid4()
    for number in (1, 2, 3):
        happened(attempt(shop, call=call, number=number, end="failed", points=0), NOON)

    roll_up.sum_up()

    assert hours(shop) == [(12, "gpt-4o-mini", None, 1, 1, 0)]


def test_many_rows_are_summed_in_pieces(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "_ROWS_AT_ONCE", 2)
    for _ in range(5):
        happened(attempt(shop), NOON)

    assert roll_up.sum_up() == 5
    assert hours(shop) == [(12, "gpt-4o-mini", None, 5, 0, 165)]


@pytest.fixture
def slow_writer(shop: Workspace) -> Iterator[threading.Event]:
    """A transaction that has taken the next number and does not commit before the event."""
    has_written, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                attempt(shop, points=0)
                has_written.set()
                assert may_commit.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert has_written.wait(20)
    yield may_commit
    may_commit.set()
    thread.join()


def test_a_row_that_commits_late_is_not_missed(
    shop: Workspace, slow_writer: threading.Event
) -> None:
    attempt(shop, points=0)
    assert roll_up.sum_up() == 0

    slow_writer.set()
    while not (counted := roll_up.sum_up()):
        pass

    assert counted == 2
    assert sum(row[3] for row in hours(shop)) == 2


def test_who_begins_to_write_later_is_not_waited_for(shop: Workspace) -> None:
    attempt(shop, points=0)
    mark = UsageMark.objects.create(pk=1, next_to=2**40, writers=["999/1"])

    assert roll_up.sum_up() == 1
    mark.refresh_from_db()
    assert (mark.next_to, mark.writers) == (None, [])


def test_summing_twice_at_once_counts_once(shop: Workspace) -> None:
    for _ in range(20):
        happened(attempt(shop), NOON)

    counted: list[int] = []

    assert at_once(*[lambda: counted.append(roll_up.sum_up())] * 4) == []

    assert sum(counted) == 20
    assert hours(shop) == [(12, "gpt-4o-mini", None, 20, 0, 660)]
