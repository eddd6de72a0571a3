"""Slices equal their sources: repeated, in a race, after a crash, counted anew, with refunds and fail-over."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.llm.models import Usage
from apps.llm.services import roll_up as calls
from apps.tasks.models import FailureCode, SliceMark, UsageSlice
from apps.tasks.selectors import histogram
from apps.tasks.services import finish, operator, roll_up, slices
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, claimed, completed, task
from tests.llm.rows import attempt, happened, key_of

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

PRICE = 10_000
EPOCH = date(2000, 1, 1)
TODAY = datetime.now(UTC).date()
COUNTS = (
    "completed", "cancelled", "refused", "timed_out", "provider_failed", "no_account", "out_of_credits", "our_fault",
)  # fmt: skip


@pytest.fixture
def shop() -> Workspace:
    return WorkspaceFactory.create()


def settle_all() -> None:
    for _ in range(2):
        roll_up.count_all_new()
        calls.sum_up()
    slices.count_all_new()


def rows(workspace: Workspace, *, is_day: bool = True) -> list[dict[str, Any]]:
    found = UsageSlice.objects.of(workspace.pk).filter(is_day=is_day).order_by("starts_at", "model")
    return list(found.order_by("starts_at", "model", "key", "member", "pool").values())


def ended(workspace: Workspace) -> dict[str, int]:
    """How many ended which way, without zeros, in days and in quarters alike."""
    day, quarters = (
        {name: sum(row[name] for row in rows(workspace, is_day=is_day)) for name in COUNTS}
        for is_day in (True, False)
    )
    assert day == quarters
    return {name: count for name, count in day.items() if count}


def as_counted(workspace: Workspace) -> list[dict[str, Any]]:
    """Without ids, and without what came to nothing."""
    found = [row for is_day in (True, False) for row in rows(workspace, is_day=is_day)]
    for row in found:
        del row["id"]
    used = (*COUNTS, "charged_points", "refunded_points", "tokens_in", "tokens_out")
    return [row for row in found if any(row[name] for name in used)]


def fail(workspace: Workspace, code: FailureCode) -> None:
    claim = claimed(workspace)
    assert finish.fail(task_id=claim.task.id, failure=finish.Failure(code, "Broken."))


def complete(claim: Any) -> None:
    assert finish.complete(
        task_id=claim.task.id, attempt=claim.attempt, result=finish.Result(output={"image_url": ""})
    )


def test_tasks_count_by_how_they_ended(shop: Workspace) -> None:
    completed(shop)
    for code in FailureCode:
        if code not in {FailureCode.NONE, FailureCode.CANCELLED}:
            fail(shop, code)
    finish.cancel(task=task(shop))
    task(shop)  # still waits

    settle_all()
    settle_all()

    assert ended(shop) == {
        "completed": 1, "cancelled": 1, "refused": 1, "timed_out": 1, "provider_failed": 2, "no_account": 1,
        "our_fault": 1,
    }  # fmt: skip
    assert sum(row["charged_points"] for row in rows(shop)) == PRICE
    assert list(slices.differences(first=EPOCH)) == []


def test_times_are_those_of_what_completed(shop: Workspace) -> None:
    made = completed(shop)
    fail(shop, FailureCode.PROVIDER_FAILED)

    settle_all()

    row = next(row for row in rows(shop) if row["completed"])
    assert made.ended_at is not None
    took = (made.ended_at - made.created_at) / timedelta(milliseconds=1)
    number = sum(took >= bound for bound in histogram.BOUNDS_MS)
    assert (row["total_bins"], row["total_counts"]) == ([number], [1])
    assert (sum(row["queue_counts"]), row["first_bins"]) == (1, [])


def test_times_of_later_work_are_added(shop: Workspace) -> None:
    key = key_of(shop)
    for total_ms in (60, 60, 100_000):
        attempt(shop, key=key, total_ms=total_ms)
        settle_all()

    (row,) = rows(shop)
    assert (row["total_counts"], row["first_counts"]) == ([2, 1], [3])
    assert row["total_bins"] == sorted(row["total_bins"])


def test_refund_counts_when_it_was_given_and_as_no_work(shop: Workspace) -> None:
    done = completed(shop)
    operator.refund(task_id=done.id, actor=None, reason="It was blurred.", points=4_000)

    settle_all()

    assert ended(shop) == {"completed": 1}
    assert (
        sum(row["charged_points"] - row["refunded_points"] for row in rows(shop)) == PRICE - 4_000
    )
    assert list(slices.differences(first=EPOCH)) == []


@pytest.mark.parametrize("is_in_order", [True, False])
@pytest.mark.parametrize("is_counted_between", [True, False])
def test_call_counts_as_its_last_attempt_ended(
    shop: Workspace, is_in_order: bool, is_counted_between: bool
) -> None:
    first = {"number": 1, "end": "timed_out", "service_mode": "private", "points": 0}
    second = {"number": 2, "end": "completed", "service_mode": "public"}
    made = attempt(shop, **(first if is_in_order else second))
    if is_counted_between:
        settle_all()
    attempt(shop, call=made.call, **(second if is_in_order else first))

    settle_all()

    assert ended(shop) == {"completed": 1}
    assert [row["pool"] for row in rows(shop) if row["completed"]] == ["public"]
    assert sum(row["charged_points"] for row in rows(shop)) == 33
    assert sum(row["tokens_in"] for row in rows(shop)) == 20
    assert list(slices.differences(first=EPOCH)) == []


def test_jobs_at_once_count_everything_once(shop: Workspace) -> None:
    claims = [claimed(shop) for _ in range(6)]
    steps = [lambda claim=claim: complete(claim) for claim in claims]
    counting = [roll_up.count_all_new, slices.count_all_new, slices.count_all_new]

    assert at_once(*steps, *counting, times=1) == []
    attempt(shop)
    assert at_once(*counting, slices.count_all_new, calls.sum_up, times=3) == []
    settle_all()

    assert ended(shop) == {"completed": 7}
    assert list(slices.differences(first=EPOCH)) == []


def test_killed_worker_counts_nothing_twice(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed(shop)
    for _ in range(2):
        roll_up.count_all_new()

    def die(self: SliceMark, **_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(SliceMark, "save", die)
        with pytest.raises(SystemExit):
            slices.count_all_new()
    assert UsageSlice.objects.across_workspaces().count() == 0

    settle_all()
    assert ended(shop) == {"completed": 1}


def test_counted_anew_it_is_the_same(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of rows in pieces of three, in any order of attempts, then each day from its sources at once."""
    monkeypatch.setattr(slices, "_ROWS_AT_ONCE", 3)
    dice = random.Random(7)
    key, now = key_of(shop), datetime.now(UTC)
    for _ in range(40):
        some_call(shop, key, dice, now)
    for _ in range(3):
        completed(shop)
    settle_all()
    before = as_counted(shop)
    assert list(slices.differences(first=EPOCH)) == []

    for back in range(4):
        slices.recount_day(day=TODAY - timedelta(days=back))

    assert as_counted(shop) == before
    assert sum(ended(shop).values()) == 43


def some_call(shop: Workspace, key: Any, dice: random.Random, now: datetime) -> None:
    numbers = dice.sample(range(1, 4), k=dice.randint(1, 3))
    call = None
    for number in numbers:
        made: Usage = attempt(
            shop,
            key=dice.choice([key, None]),
            number=number,
            model=dice.choice(["a", "b"]),
            service_mode=dice.choice(["public", "private"]),
            end=dice.choice(["completed", "timed_out", "refused", "failed", "gateway_lost"]),
            total_ms=dice.randint(1, 100_000),
            first_ms=dice.choice([None, 5, 700]),
            **({"call": call} if call else {}),
        )
        call = made.call
        happened(made, now - timedelta(minutes=dice.randint(0, 3 * 1440)))


def test_charge_that_was_taken_back_is_mended_by_counting_anew(shop: Workspace) -> None:
    made = attempt(shop)
    settle_all()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE llm_usage SET points = 0, \"end\" = 'gateway_lost' WHERE id = %s", [made.pk]
        )
    found = list(slices.differences(first=TODAY))
    assert found == [slices.Difference(shop.pk, TODAY, points=(33, 0), ended=(1, 1))]

    slices.recount_day(day=TODAY)

    assert list(slices.differences(first=TODAY)) == []
    assert ended(shop) == {"our_fault": 1}


def test_quarters_are_forgotten_and_days_are_kept(shop: Workspace) -> None:
    now = datetime.now(UTC)
    for days in (89, 92):
        happened(attempt(shop), now - timedelta(days=days))
    settle_all()

    assert (len(rows(shop)), len(rows(shop, is_day=False))) == (2, 1)
    assert slices.forget(now=now) == 0
    assert slices.forget(now=now + timedelta(days=3)) == 1
    assert slices.forget(now=now + timedelta(days=3)) == 0

    assert (len(rows(shop)), len(rows(shop, is_day=False))) == (2, 0)


def test_rows_that_may_not_be_complete_wait(shop: Workspace) -> None:
    completed(shop)

    slices.count_all_new()

    assert rows(shop) == []


@pytest.mark.parametrize("share", [1, 50, 95, 100])
def test_percentile_is_in_the_bin_of_the_true_one(share: int) -> None:
    dice = random.Random(share)
    times = sorted(round(dice.lognormvariate(8, 1.5)) + 1 for _ in range(999))
    counts: dict[int, int] = {}
    for one in times:
        number = sum(one >= bound for bound in histogram.BOUNDS_MS)
        counts[number] = counts.get(number, 0) + 1

    found = histogram.percentile(counts, share)

    true = times[-(-len(times) * share // 100) - 1]
    assert found is not None
    if true >= histogram.BOUNDS_MS[0]:
        assert 1 / 1.45 < found / true < 1.45


def test_percentile_of_nothing_is_none_and_bounds_rise() -> None:
    assert histogram.percentile({}, 50) is None
    assert all(one < two for one, two in pairwise(histogram.BOUNDS_MS))
