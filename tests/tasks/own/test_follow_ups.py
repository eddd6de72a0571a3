"""Follow-ups go where their parent ran, whatever has become of that account; and nobody stands in their way."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import SlotLease
from apps.byoa.services import own
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.models import Task
from apps.tasks.services import failover
from apps.tasks.services.dispatch import dispatch
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, change, operators, private, set_account
from tests.tasks.own.helpers import (
    as_of_now,
    done,
    ended,
    midjourney,
    place,
    refusal,
    today,
    upscaled,
    varied,
)
from tests.tasks.rows import again

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
_HOUR = timedelta(hours=1)


def _follow(parent: Task) -> str:
    """Where a variation of it goes, or why it is refused."""
    try:
        made = varied(parent)
    except DomainError as error:
        return refusal(error)
    dispatch()
    return place(made)


@pytest.mark.parametrize(
    ("became", "expected"),
    [
        ({}, "A fast"),
        ({"is_paused": True}, "A fast"),
        (
            {"active_from": (NOW + 3 * _HOUR).time(), "active_to": (NOW + 6 * _HOUR).time()},
            "A fast",
        ),
        ({"daily_cap": 1, "day": today, "day_count": 1}, "A fast"),
        ({"is_paused": True, "daily_cap": 1, "day": today, "day_count": 7}, "A fast"),
        ({"mode": "relax"}, "A relax"),
        ({"is_out_of_fast": True, "mode": "relax"}, "A relax"),
        ({"status": "cooling", "resume_at": NOW + 12 * _HOUR}, "pending"),
        ({"status": "checking", "resume_at": NOW + 12 * _HOUR}, "pending"),
        ({"status": "banned"}, "pending"),
        ({"status": "captcha_required"}, "pending"),
        ({"status": "invalid_credentials"}, "pending"),
        ({"seat_ended_at": NOW}, "403/10301"),
    ],
    # The same names in every process that collects them: without the hour.
    ids=lambda value: value if isinstance(value, str) else "-".join(value) or "as it was",
)
def test_follow_up_runs_on_its_parents_account(
    home: Workspace, became: Mapping[str, Any], expected: str
):
    first = bridge_account(home, "A")
    parent = done(home, process_mode="fast")
    for label in ("B", "C"):
        bridge_account(home, label, weight="high", slots=50)
    set_account(first, **as_of_now(became))

    found = _follow(parent)

    assert found == expected
    assert audit.differences() == []


def test_follow_up_waits_for_a_slot_of_its_parents_account(home: Workspace):
    bridge_account(home, "A", slots=1)
    parent = done(home)
    running = midjourney(home)
    dispatch()
    bridge_account(home, "B")
    waiting = varied(parent)

    dispatch()
    assert place(waiting) == "pending"
    ended(running)
    dispatch()

    assert place(waiting) == "A relax"


def test_parents_account_that_was_deleted_is_a_clear_refusal(home: Workspace):
    made = bridge_account(home, "A")
    parent = done(home)
    bridge_account(home, "B")
    own.delete(workspace=home, actor=None, ip=None, account_id=made.pk)

    with pytest.raises(DomainError) as caught:
        varied(parent)

    assert refusal(caught.value) == "503/10800"
    assert "account that made the task to continue was removed" in caught.value.message
    assert Task.objects.of(home.pk).count() == 1


@pytest.mark.parametrize("how", ["deleted", "seat ended"])
def test_follow_up_that_waits_for_an_account_that_went_ends_free_and_runs_nowhere_else(
    home: Workspace, how: str
):
    made = bridge_account(home, "A")
    parent = done(home)
    set_account(made, status="banned")
    bridge_account(home, "B")
    change(home, failover_families=["midjourney"])
    operators()
    waiting = varied(parent)
    dispatch()
    if how == "deleted":
        own.delete(workspace=home, actor=None, ip=None, account_id=made.pk)
    else:
        set_account(made, seat_ended_at=NOW)

    assert (failover.look_after(), failover.look_after()) == (1, 0)

    found = again(waiting)
    assert (found.status, found.error_code, found.cost_points) == ("failed", 11003, 0)
    assert found.attempts.count() == 0
    assert audit.differences() == []


@pytest.mark.parametrize("asked", ["", "public", "private"])
def test_follow_up_of_a_private_task_is_private_whatever_is_asked(home: Workspace, asked: str):
    bridge_account(home, "A")
    operators()
    parent = done(home)
    change(home, private_families=[])

    made = varied(parent, service_mode=asked)
    dispatch()

    assert place(made) == "A relax"
    assert made.price_points == 0


@pytest.mark.parametrize("asked", ["", "public", "private"])
def test_follow_up_of_a_task_that_failed_over_is_public_on_the_operators_account(
    home: Workspace, asked: str
):
    change(home, failover_families=["midjourney"])
    first = operators("First")
    parent = done(home, process_mode="fast")
    operators("Second", weight="high")
    bridge_account(home, "A")
    set_account(first, is_paused=True)

    made = varied(parent, service_mode=asked)
    dispatch()

    assert (parent.service_mode, parent.failover_triggered) == ("public", True)
    assert place(made) == "public First fast"
    assert (made.price_points, made.failover_triggered) == (700_000, False)


def test_follow_up_of_what_the_engine_made_is_the_engines(home: Workspace, settings: Any):
    settings.LOCAL_ENGINE = True
    change(home, private_families=[])
    parent = midjourney(home)
    dispatch()
    Task.objects.of(home.pk).filter(pk=parent.pk).update(status="processing", attempt=1)
    parent.attempts.create(number=1, provider="local", job="midjourney", state="RUNNING")
    ended(parent)
    operators()

    made = varied(parent)
    dispatch()

    assert (made.bound_provider, made.bound_account_id) == ("local", None)
    assert again(made).provider == "local"
    assert SlotLease.objects.count() == 0


def test_neither_the_pool_nor_named_tasks_stand_before_follow_ups(home: Workspace):
    """Tasks that name an account wait when it is paused; follow-ups behind them do not."""
    account = bridge_account(home, "A", slots=20)
    parent = done(home)
    named = [midjourney(home, bot_id=account.pk) for _ in range(60)]
    set_account(account, is_paused=True)
    follow_ups = [varied(parent) for _ in range(3)]

    dispatch()

    assert [place(one) for one in follow_ups] == ["A relax"] * 3
    assert {place(one) for one in named} == {"pending"}


def test_slow_tasks_of_basic_accounts_do_not_stand_before_others(home: Workspace):
    """What nobody can take any more waits without being in anybody's way."""
    basic = bridge_account(home, "A", has_relax=True)
    stuck = [midjourney(home, process_mode="relax") for _ in range(3)]
    set_account(basic, has_relax=False)
    made = midjourney(home, process_mode="fast")

    dispatch()

    assert place(made) == "A fast"
    assert {place(one) for one in stuck} == {"pending"}


def test_upscale_of_another_workspace_is_not_found(home: Workspace):
    bridge_account(home, "A")
    parent = done(home)
    stranger = again(parent)
    stranger.workspace = private(WorkspaceFactory.create())

    with pytest.raises(DomainError) as caught:
        upscaled(stranger)

    assert refusal(caught.value) == "404/10400"


def test_of_several_queues_the_oldest_task_goes_first(home: Workspace):
    """Whatever speed, kind or workspace: nobody's stream keeps another's task off the account."""
    account = operators(slots=6)
    first, second = home, WorkspaceFactory.create()
    change(home, private_families=[])
    parents = [done(one, process_mode="fast") for one in (first, second)]
    parents.append(done(first, process_mode="relax"))
    set_account(account, slots=1)
    made = [varied(parents[n], index=str(n + 1)) for n in (0, 2, 1, 0)]
    made.append(upscaled(parents[0]))

    order = []
    for _ in made:
        dispatch()
        [running] = [one for one in made if again(one).status == "processing"]
        order.append(running)
        ended(running)

    assert order == made
