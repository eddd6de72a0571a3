"""The public sums of a day: each ended task once, whatever a job does, and nothing that is the customer's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.core import latency
from apps.tasks.models import FamilyDay, Task, UsageMark
from apps.tasks.services import finish, roll_up
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, claimed, completed, task

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

TODAY = datetime.now(UTC).date()


@pytest.fixture
def shop() -> Workspace:
    return WorkspaceFactory.create()


def settle_all() -> None:
    """Two rounds: one marks the highest line, the next finds that all older transactions have ended."""
    roll_up.count_all_new()
    roll_up.count_all_new()


def sums() -> list[tuple[Any, ...]]:
    """Family, day, completed, failed, counted for latency."""
    rows = FamilyDay.objects.order_by("day", "family")
    return [(r.family, r.day, r.completed, r.failed, sum(r.latency)) for r in rows]


def family() -> str:
    return Task.objects.across_workspaces().values_list("family", flat=True)[0]


def fail(shop: Workspace, code: int, **more: Any) -> None:
    claim = claimed(shop)
    failure = finish.Failure(finish.FailureCode(code), "Broken.", **more)
    assert finish.fail(task_id=claim.task.id, failure=failure, attempt=claim.attempt)


def test_all_workspaces_are_one_row_and_only_our_faults_are_faults(shop: Workspace) -> None:
    completed(shop)
    completed(WorkspaceFactory.create())
    for code in (11000, 11001, 11003, 11005, 11006):
        fail(shop, code)
    fail(shop, 11002)  # moderated
    fail(shop, 11000, is_inputs_fault=True)
    finish.cancel(task=task(shop))
    task(shop)  # still waits

    settle_all()

    assert sums() == [(family(), TODAY, 2, 5, 2)]


def test_customers_own_deadline_is_no_fault_of_ours(shop: Workspace) -> None:
    claim = claimed(shop)
    Task.objects.of(shop.pk).filter(id=claim.task.id).update(deadline_seconds=5)
    finish.fail(task_id=claim.task.id, failure=finish.Failure(finish.FailureCode(11001), "Late."))

    settle_all()

    assert sums() == [(family(), TODAY, 0, 0, 0)]


def test_work_on_own_accounts_is_not_the_platforms(shop: Workspace) -> None:
    done = completed(shop)
    Task.objects.of(shop.pk).filter(id=done.id).update(service_mode="private")

    settle_all()

    assert sums() == []


def test_latency_is_counted_from_start_to_end(shop: Workspace) -> None:
    for seconds in (2, 2, 60):
        done = completed(shop)
        started_at = done.ended_at - timedelta(seconds=seconds)  # type: ignore[operator]
        Task.objects.of(shop.pk).filter(id=done.id).update(started_at=started_at)
        settle_all()  # so that a row that is there is added to

    counts = FamilyDay.objects.get().latency
    assert sum(counts) == 3
    assert latency.quantile_ms(counts, 0.5) == pytest.approx(2_000, rel=0.5)
    assert latency.quantile_ms(counts, 1.0) == pytest.approx(60_000, rel=0.5)


def test_repeated_raced_and_recounted_is_the_same(shop: Workspace) -> None:
    claims = [claimed(shop) for _ in range(6)]
    results = [
        lambda claim=claim: finish.complete(
            task_id=claim.task.id, attempt=claim.attempt, result=finish.Result(output={})
        )
        for claim in claims
    ]

    assert at_once(*results, *[roll_up.count_all_new] * 4, times=1) == []
    assert at_once(*[roll_up.count_all_new] * 4, times=3) == []
    settle_all()
    assert sums() == [(family(), TODAY, 6, 0, 6)]

    roll_up.recount_day(day=TODAY)
    assert sums() == [(family(), TODAY, 6, 0, 6)]


def test_recount_mends_what_was_wrong(shop: Workspace) -> None:
    completed(shop)
    settle_all()
    FamilyDay.objects.update(completed=7, failed=7)

    roll_up.recount_day(day=TODAY)

    assert sums() == [(family(), TODAY, 1, 0, 1)]


def test_crash_while_counting_leaves_nothing_half_done(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed(shop)
    roll_up.count_new()

    def die(self: UsageMark, **_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(UsageMark, "save", die)
        with pytest.raises(SystemExit):
            roll_up.count_new()
    assert sums() == []

    settle_all()
    assert sums() == [(family(), TODAY, 1, 0, 1)]
