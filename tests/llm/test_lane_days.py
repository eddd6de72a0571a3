"""The public sums of calls by day: each call once, by how it ended in the end."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.llm.models import LaneDay, UsageMark
from apps.llm.services import roll_up
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.llm.rows import attempt, happened

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

EVENING = datetime(2026, 11, 5, 23, 59, tzinfo=UTC)
NIGHT = datetime(2026, 11, 6, 0, 1, tzinfo=UTC)


@pytest.fixture
def shop() -> Workspace:
    return WorkspaceFactory.create()


def days() -> list[tuple[Any, ...]]:
    """Day, calls, well, by the customer, failed, counted for latency."""
    rows = LaneDay.objects.order_by("day")
    return [
        (r.day.day, r.calls, r.completed, r.by_customer, r.failed, sum(r.latency)) for r in rows
    ]


def test_ends_are_told_apart_over_all_workspaces(shop: Workspace) -> None:
    ends = ("completed", "empty", "client_left", "out_of_credits", "refused", "upstream_cut")
    for end in (*ends, "timed_out", "failed", "gateway_lost"):
        happened(attempt(shop, end=end), EVENING)
    happened(attempt(WorkspaceFactory.create()), NIGHT)
    happened(attempt(shop, service_mode="private"), NIGHT)

    roll_up.sum_up()

    assert days() == [(5, 9, 3, 2, 4, 3), (6, 1, 1, 0, 0, 1)]


def test_call_saved_by_its_second_account_is_one_that_went_well(shop: Workspace) -> None:
    call = uuid.uuid4()
    happened(attempt(shop, call=call, end="failed", points=0), EVENING)
    roll_up.sum_up()
    assert days() == [(5, 1, 0, 0, 1, 0)]

    happened(attempt(shop, call=call, number=2), NIGHT)
    roll_up.sum_up()

    assert days() == [(5, 1, 1, 0, 0, 1)]


def test_repeated_and_at_once_counts_once(shop: Workspace) -> None:
    for _ in range(20):
        happened(attempt(shop), EVENING)

    assert at_once(*[roll_up.sum_up] * 4, times=2) == []
    roll_up.sum_up()

    assert days() == [(5, 20, 20, 0, 0, 20)]


def test_crash_leaves_nothing_half_done(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    happened(attempt(shop), EVENING)

    def die(self: UsageMark, **_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(UsageMark, "save", die)
        with pytest.raises(SystemExit):
            roll_up.sum_up()
    assert days() == []

    roll_up.sum_up()
    assert days() == [(5, 1, 1, 0, 0, 1)]
