"""Daily sums follow the ledger to the point: repeated, in a race, after a crash, and when a refund comes days later."""

import re
import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import ApiKey, Workspace
from apps.billing.services import credits
from apps.tasks import selectors
from apps.tasks.models import Attempt, CostDay, Task, UsageDay, UsageMark
from apps.tasks.selectors import Ended, Line
from apps.tasks.services import finish, operator, roll_up
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, claimed, completed, identity, member, owner_of, task
from tests.factories.byoa import account

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]

PRICE = 10_000
TODAY = datetime.now(UTC).date()
EPOCH = date(2000, 1, 1)


def write(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def back_date(workspace: Workspace, days: int) -> None:
    """As if all of the workspace's lines were written days ago: past the trigger that forbids it."""
    with transaction.atomic():
        write("SET LOCAL session_replication_role = replica")
        write(
            "UPDATE billing_creditentry SET created_at = created_at - %s * interval '1 day'"
            " WHERE workspace_id = %s",
            days,
            workspace.pk,
        )


def settle_all() -> None:
    """Two rounds: one marks the highest line, the next finds that all older transactions have ended."""
    roll_up.count_all_new()
    roll_up.count_all_new()


def total(workspace: Workspace) -> Ended:
    return selectors.spend(workspace_id=workspace.pk, first=EPOCH, last=date(2999, 1, 1))


@pytest.fixture
def shop() -> Workspace:
    return WorkspaceFactory.create()


def test_ended_work_is_counted_once_by_model_key_and_member(shop: Workspace) -> None:
    done = completed(shop)
    failed = claimed(shop)
    finish.fail(task_id=failed.task.id, failure=finish.Failure(11000, "Broken."))
    finish.cancel(task=task(shop))
    task(shop)  # still waits

    settle_all()
    settle_all()

    assert total(shop) == Ended(
        completed=1, failed=1, cancelled=1, charged_points=PRICE, run_ms=total(shop).run_ms
    )
    by_model = selectors.spend_by(workspace_id=shop.pk, first=TODAY, last=TODAY, split="model")
    assert [(one.name, one.ended.completed) for one in by_model] == [("modelyard/illustration", 1)]
    by_key = selectors.spend_by(workspace_id=shop.pk, first=TODAY, last=TODAY, split="key")
    assert (by_key[0].subject_id, by_key[0].ended.charged_points) == (done.api_key_id, PRICE)
    assert list(roll_up.differences(first=EPOCH)) == []


def test_work_of_a_person_is_theirs_and_of_a_key_its_makers(shop: Workspace) -> None:
    person = member(shop)
    made = task(shop)
    Task.objects.of(shop.pk).filter(id=made.id).update(created_by=person)
    finish.cancel(task=made)
    other = task(shop)
    type(other.api_key).objects.of(shop.pk).filter(pk=other.api_key_id).update(
        created_by=owner_of(shop)
    )
    finish.cancel(task=other)

    settle_all()

    lines = selectors.spend_by(workspace_id=shop.pk, first=TODAY, last=TODAY, split="member")
    assert {(line.subject_id, line.name): line.ended.cancelled for line in lines} == {
        (person.pk, person.email): 1,
        (owner_of(shop).pk, owner_of(shop).email): 1,
    }


def test_refund_counts_on_its_own_day_and_may_make_it_negative(shop: Workspace) -> None:
    done = completed(shop)
    back_date(shop, days=3)
    operator.refund(task_id=done.id, actor=None, reason="It was blurred.", points=4_000)

    settle_all()

    days = selectors.spend_of_days(workspace_id=shop.pk, first=EPOCH, last=TODAY, split="model")
    assert [(line.ended.net_points, line.ended.completed) for line in days] == [
        (PRICE, 1),
        (-4_000, 0),
    ]
    assert days[0].day == date.fromordinal(TODAY.toordinal() - 3)
    assert list(roll_up.differences(first=EPOCH)) == []


def test_work_without_a_task_counts_by_its_key(shop: Workspace) -> None:
    caller = identity(shop)
    for reference in ("task:not-an-id", "chat:1"):
        credits.hold(identity=caller, points=500, reference=reference)
        credits.capture(workspace_id=shop.pk, reference=reference, cost=200)

    settle_all()

    lines = selectors.spend_by(workspace_id=shop.pk, first=TODAY, last=TODAY, split="key")
    key = ApiKey.objects.of(shop.pk).get(pk=caller.key_id)
    ended = Ended(completed=2, charged_points=400)
    assert lines == [Line(None, f"test ({key.masked})", key.pk, ended)]


def test_line_that_commits_late_is_not_passed_over(shop: Workspace) -> None:
    """A transaction takes line 1 and stays open; line 2 of a neighbour commits. Both are counted, once."""
    neighbour = WorkspaceFactory.create()
    slow, quick = claimed(shop), claimed(neighbour)
    written, may_commit = threading.Event(), threading.Event()
    results: list[BaseException] = []

    def finish_slowly() -> None:
        try:
            with transaction.atomic():
                _complete(slow)
                written.set()
                may_commit.wait(20)
        except BaseException as error:
            results.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=finish_slowly)
    thread.start()
    assert written.wait(20)
    _complete(quick)
    settle_all()
    settle_all()
    before = UsageDay.objects.across_workspaces().count()
    may_commit.set()
    thread.join()
    settle_all()
    settle_all()

    assert (results, before) == ([], 0)
    assert (total(shop).completed, total(neighbour).completed) == (1, 1)


def _complete(claim: Any) -> None:
    assert finish.complete(
        task_id=claim.task.id, attempt=claim.attempt, result=finish.Result(output={"image_url": ""})
    )


def test_jobs_at_once_count_each_line_once(shop: Workspace) -> None:
    claims = [claimed(shop) for _ in range(9)]
    steps = [lambda claim=claim: _complete(claim) for claim in claims]

    assert at_once(*steps, *[roll_up.count_all_new] * 4, times=1) == []
    assert at_once(*[roll_up.count_all_new] * 4, times=3) == []
    settle_all()

    assert total(shop).completed == 9
    assert list(roll_up.differences(first=EPOCH)) == []


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
    assert UsageDay.objects.across_workspaces().count() == 0

    settle_all()
    assert total(shop).completed == 1


def test_long_ledger_is_counted_in_pieces(shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_up, "_LINES_AT_ONCE", 2)
    for _ in range(4):
        completed(shop)

    settle_all()

    assert total(shop).completed == 4


def test_recounted_day_is_the_same_and_mends_what_was_wrong(shop: Workspace) -> None:
    completed(shop)
    settle_all()
    right = total(shop)
    roll_up.recount_day(day=TODAY)
    assert total(shop) == right

    UsageDay.objects.of(shop.pk).update(charged_points=1, completed=7)
    found = list(roll_up.differences(first=EPOCH))
    assert found == [
        roll_up.Difference(shop.pk, TODAY, points=(1, PRICE), ended=(7, 1)),
    ]
    roll_up.recount_day(day=TODAY)
    assert total(shop) == right


def test_recount_leaves_lines_alone_that_are_not_counted_yet(shop: Workspace) -> None:
    completed(shop)
    settle_all()
    completed(shop)

    roll_up.recount_day(day=TODAY)
    assert total(shop).completed == 1
    settle_all()

    assert total(shop).completed == 2


def test_restored_database_whose_transactions_began_anew_goes_on(shop: Workspace) -> None:
    completed(shop)
    roll_up.count_new()
    UsageMark.objects.update(horizon=2**60)

    settle_all()

    assert total(shop).completed == 1


def test_neighbours_work_does_not_show(shop: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    completed(neighbour)

    settle_all()

    assert total(shop) == Ended()
    lines = [
        selectors.spend_by(workspace_id=shop.pk, first=EPOCH, last=TODAY, split=split)
        for split in selectors.SPLITS
    ]
    assert lines == [[], [], []]


def test_costs_of_a_day_follow_what_comes_in_late(shop: Workspace) -> None:
    mine = account(label="Mine")
    made = completed(shop)
    attempt = Attempt.objects.get(task=made)
    Attempt.objects.filter(pk=attempt.pk).update(
        account=mine, provider="federation", cost_points=3_000
    )
    abandoned = Attempt.objects.create(
        task=made, number=9, provider="federation", job="", account=mine, state="ABANDONED"
    )
    Attempt.objects.filter(pk=abandoned.pk).update(ended_at=attempt.ended_at)
    roll_up.sum_costs_of(last=TODAY, days=2)
    Attempt.objects.filter(pk=abandoned.pk).update(state="LATE", cost_points=500)

    roll_up.sum_costs_of(last=TODAY, days=2)
    roll_up.sum_costs_of(last=TODAY, days=2)

    rows = CostDay.objects.across_workspaces().values_list(
        "day", "account_id", "workspace_id", "attempts", "succeeded", "cost_points", "price_points"
    )
    assert list(rows) == [(TODAY, mine.pk, shop.pk, 2, 1, 3_500, PRICE)]


def test_page_reads_the_sums_and_nothing_else(shop: Workspace) -> None:
    with CaptureQueriesContext(connection) as asked:
        selectors.spend(workspace_id=shop.pk, first=EPOCH, last=TODAY)
        selectors.spend_by(workspace_id=shop.pk, first=EPOCH, last=TODAY, split="key")
        selectors.spend_of_days(workspace_id=shop.pk, first=EPOCH, last=TODAY, split="member")

    tables = [re.findall(r'(?:FROM|JOIN) "(\w+)"', one["sql"]) for one in asked.captured_queries]
    assert tables == [
        ["tasks_usageday"],
        ["tasks_usageday", "accounts_apikey"],
        ["tasks_usageday", "accounts_user"],
    ]
