"""Private work costs nothing, passes no cap, and is in the books all the same."""

from datetime import date

import pytest

from apps.accounts.models import Workspace
from apps.billing.models import CapSpend
from apps.ops import audit
from apps.tasks.models import PenaltyDay, UsageDay
from apps.tasks.services import finish, roll_up
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.request import TaskRequest
from tests.factories import WorkspaceFactory, identity
from tests.factories.own import bridge_account, change, operators, private
from tests.tasks.own.helpers import ended, failed, midjourney
from tests.tasks.own.money import DOLLAR, lines
from tests.tasks.rows import again, balance

EPOCH = date(2000, 1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_private_work_is_in_the_ledger_and_the_sums_and_moves_nothing():
    home = private(WorkspaceFactory.create(plan="premium", points=0))
    bridge_account(home)
    well, badly, never = (midjourney(home, process_mode="turbo") for _ in range(3))
    finish.cancel(task=never)
    dispatch()
    held_meanwhile = balance(home)

    ended(well)
    failed(badly, is_inputs_fault=True)

    assert (held_meanwhile, balance(home)) == ((0, 0), (0, 0))
    assert [lines(one) for one in (well, badly, never)] == [
        [("HOLD", 0, 0), ("CAPTURE", 0, 0)],
        [("HOLD", 0, 0), ("RELEASE", 0, 0)],
        [("HOLD", 0, 0), ("RELEASE", 0, 0)],
    ]
    for _ in range(3):
        roll_up.count_all_new()
    days = list(UsageDay.objects.of(home.pk))
    assert {(day.service_mode, day.task_type, day.charged_points) for day in days} == {
        ("private", "imagine", 0)
    }
    assert {(day.api_key_id, day.completed, day.failed, day.cancelled) for day in days} == {
        (well.api_key_id, 1, 0, 0),
        (badly.api_key_id, 0, 1, 0),
        (never.api_key_id, 0, 0, 1),
    }
    assert list(roll_up.differences(first=EPOCH)) == []
    assert PenaltyDay.objects.of(home.pk).count() == 0
    assert audit.differences() == []


@pytest.mark.django_db
def test_private_work_passes_no_cap(home: Workspace):
    bridge_account(home)
    who = identity(home, cap_daily_points=1)
    change(home, cap_daily_points=1)

    made = create_task(
        identity=who, request=TaskRequest("midjourney", "imagine", {"prompt": "a cat"})
    ).task
    dispatch()
    ended(made)

    assert again(made).cost_points == 0
    assert not CapSpend.objects.of(home.pk).filter(points__gt=0).exists()
    assert audit.differences() == []


@pytest.mark.django_db
def test_private_work_starts_although_the_budget_was_lowered_below_what_is_spent(home: Workspace):
    bridge_account(home)
    operators()
    change(home, cap_daily_points=DOLLAR)
    midjourney(home, process_mode="fast", service_mode="public")
    change(home, cap_daily_points=1)

    assert midjourney(home).status == "pending"
