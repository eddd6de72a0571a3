"""Days of penalties that the operator lets pass: what was kept comes back once, whatever is repeated or races."""

from datetime import timedelta
from typing import Any

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import CreditEntry
from apps.core.errors import InvalidRequest, NotFound
from apps.ops import audit
from apps.tasks.models import PenaltyDay, Task
from apps.tasks.services import operator, penalties_waive
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.penalties_waive import Owed
from tests.byoa.threads import at_once
from tests.factories.gifts import operator as staff
from tests.factories.own import operators
from tests.tasks.own.helpers import ended, failed, midjourney
from tests.tasks.rows import balance
from tests.tasks.test_penalties import DOLLAR, FAST, RELAX, had, reject, shop

pytestmark = pytest.mark.django_db
REASON = "Their import went wrong."


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.LOCAL_ENGINE = False
    request.getfixturevalue("transactional_db" if "concurrency" in request.keywords else "db")
    operators(slots=1000)


def kept(workspace: Workspace) -> Task:
    """A task whose hold was kept."""
    made = midjourney(workspace, process_mode="fast")
    dispatch()
    return failed(made, is_inputs_fault=True)


def dear(workspace: Workspace) -> Task:
    """A relax task that costs double, and runs."""
    made = midjourney(workspace, process_mode="relax")
    dispatch()
    return made


def refunds(workspace: Workspace) -> list[tuple[str, int]]:
    rows = CreditEntry.objects.of(workspace.pk).filter(kind="REFUND").order_by("id")
    return list(rows.values_list("reference", "available_delta"))


def test_waived_day_gives_back_what_was_kept_and_punishes_nothing_more():
    workspace, other = shop(), shop()
    day = had(workspace, incorrect=60, relax=1500)
    had(other, incorrect=60)
    gone, double = kept(workspace), ended(dear(workspace))
    kept(other)
    actor = staff()

    given = penalties_waive.waive(day_id=day.pk, actor=actor, reason=REASON)

    assert given == FAST + RELAX
    assert refunds(workspace) == [(gone.reference, FAST), (double.reference, RELAX)]
    assert balance(workspace) == (10 * DOLLAR - RELAX, 0)
    day.refresh_from_db()
    assert (day.waived_by, day.waived_at is not None) == (actor, True)
    event = AuditEvent.objects.of(workspace.pk).get(action="penalties.waived")
    assert (event.actor, event.target) == (actor, str(day.day))
    assert event.detail == {"reason": REASON, "incorrect": 61, "relax": 1501}
    assert kept(workspace).cost_points == 0
    assert refunds(other) == []
    assert audit.differences() == []


def test_waiving_again_gives_back_nothing_more_and_keeps_who_it_was():
    workspace = shop()
    day = had(workspace, incorrect=60)
    kept(workspace)
    first, second = staff(), None

    given = [
        penalties_waive.waive(day_id=day.pk, actor=actor, reason=REASON)
        for actor in (first, second)
    ]

    day.refresh_from_db()
    assert (given, day.waived_by) == ([FAST, 0], first)
    assert AuditEvent.objects.of(workspace.pk).filter(action="penalties.waived").count() == 1
    assert len(refunds(workspace)) == 1


def test_task_that_still_runs_gets_its_part_when_it_has_ended():
    workspace = shop()
    day = had(workspace, relax=1500)
    made = dear(workspace)

    given = penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON)
    day.refresh_from_db()
    assert (given, penalties_waive.owed(day=day)) == (0, Owed(points=0, running=1))
    assert penalties_waive.give_back_due() == 0

    ended(made)
    assert penalties_waive.owed(day=day) == Owed(points=RELAX, running=0)
    assert [penalties_waive.give_back_due() for _ in range(2)] == [RELAX, 0]
    assert refunds(workspace) == [(made.reference, RELAX)]
    assert balance(workspace) == (10 * DOLLAR - RELAX, 0)
    assert audit.differences() == []


def test_relax_task_that_came_to_nothing_is_owed_nothing():
    workspace = shop()
    day = had(workspace, relax=1500)
    failed(dear(workspace))

    assert penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON) == 0
    assert balance(workspace) == (10 * DOLLAR, 0)


def test_task_that_was_punished_twice_gets_back_what_it_cost_and_no_more():
    workspace = shop()
    day = had(workspace, incorrect=60, relax=1500)
    made = failed(dear(workspace), is_inputs_fault=True)

    given = penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON)

    assert (made.cost_points, given) == (2 * RELAX, 2 * RELAX)
    assert balance(workspace) == (10 * DOLLAR, 0)
    assert audit.differences() == []


def test_what_was_refunded_before_is_not_refunded_again():
    workspace = shop()
    day = had(workspace, relax=1500)
    made = ended(dear(workspace))
    operator.refund(task_id=made.id, actor=None, reason="Ticket 4711")

    assert penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON) == 0
    assert refunds(workspace) == [(made.reference, 2 * RELAX)]


def test_day_that_was_not_waived_is_left_alone_by_the_sweep():
    workspace = shop()
    had(workspace, incorrect=60)
    kept(workspace)

    assert penalties_waive.give_back_due() == 0
    assert refunds(workspace) == []


def test_blocked_hobbyist_works_again():
    workspace = shop("hobbyist")
    day = had(workspace, incorrect=31)
    assert reject(workspace) == "rate_limited"

    penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON)

    assert midjourney(workspace).status == "pending"


def test_other_day_of_the_same_workspace_stays():
    workspace = shop()
    had(workspace, incorrect=60)
    kept(workspace)
    before = PenaltyDay.objects.of(workspace.pk).get().day - timedelta(days=1)
    other = had(workspace, day=before, incorrect=99)

    assert penalties_waive.waive(day_id=other.pk, actor=None, reason=REASON) == 0
    assert refunds(workspace) == []


@pytest.mark.parametrize("reason", ["", "  "])
def test_waiving_needs_a_reason(reason: str):
    day = had(shop(), incorrect=99)

    with pytest.raises(InvalidRequest):
        penalties_waive.waive(day_id=day.pk, actor=None, reason=reason)

    day.refresh_from_db()
    assert day.waived_at is None


def test_day_that_is_none_is_not_found():
    with pytest.raises(NotFound):
        penalties_waive.waive(day_id=0, actor=None, reason=REASON)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_waiving_at_once_while_tasks_end_gives_everything_back_once():
    workspace = shop(points=100 * DOLLAR)
    day = had(workspace, incorrect=60, relax=1500)
    running = [dear(workspace) for _ in range(10)]
    for _ in range(10):
        kept(workspace)

    def waive() -> None:
        penalties_waive.waive(day_id=day.pk, actor=None, reason=REASON)

    def end() -> None:
        for made in running:
            ended(made)

    assert at_once(waive, waive, waive, end) == []
    penalties_waive.give_back_due()

    assert len(refunds(workspace)) == len({reference for reference, _ in refunds(workspace)}) == 20
    assert balance(workspace) == (100 * DOLLAR - 10 * RELAX, 0)
    assert audit.differences() == []
