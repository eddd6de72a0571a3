"""Bridges that lie, accounts that stop working, seats that end: clear ends, nothing charged wrongly."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import Account, SlotLease
from apps.byoa.services import credentials, own, seats
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.models import Attempt, Task
from apps.tasks.services import failover, sweep
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.bridge.running import RunningBridge
from tests.factories import byoa as factory
from tests.factories.own import bridge_account, change, operators
from tests.tasks.midjourney.conftest import QUICK
from tests.tasks.own.helpers import midjourney, place, refusal, varied
from tests.tasks.remote.conftest import due_now
from tests.tasks.rows import again, balance

pytestmark = pytest.mark.django_db
Run = Callable[..., None]
Bridges = Callable[[], RunningBridge]
DOLLAR, FAST = 10_000_000, 700_000
SLOW = "a cat [delay=600]"


def at(bridge: RunningBridge, home: Workspace, label: str = "A", **fields: Any) -> Account:
    """An account of the workspace at the bridge."""
    return bridge_account(home, label, base_url=bridge.url, config=QUICK, **fields)


def look(seconds: float = 0.3) -> None:
    """Everything that waits is due, and is worked on for a moment."""
    due_now()
    dispatch()
    Pump().run(seconds=seconds)


def overdue(made: Task) -> None:
    """Its time is over."""
    past = timezone.now() - timedelta(seconds=1)
    Task.objects.of(made.workspace_id).filter(pk=made.pk).update(deadline_at=past)
    sweep.fail_overdue()


def is_clean() -> bool:
    """Nothing is held, open or due, and the books agree."""
    open_attempts = Attempt.objects.exclude(state__in=["SUCCEEDED", "FAILED", "LATE", "ABANDONED"])
    return (
        audit.differences() == [] and not SlotLease.objects.exists() and not open_attempts.exists()
    )


# ----------------------------------------------------------------------------- bridges that lie
@pytest.mark.parametrize("pool", ["public", "private"])
@pytest.mark.parametrize(
    ("lie", "status", "code"),
    [
        ("unknown_status", "failed", 11001),
        ("never", "failed", 11001),
        ("other_id", "failed", 11001),
        ("forgotten", "failed", 11000),
        ("no_image", "failed", 11000),
        ("progress_back", "completed", 0),
        ("two_results", "completed", 0),
    ],
)
def test_lie_ends_clearly_and_costs_nothing(
    home: Workspace,
    bridge: RunningBridge,
    pool_account: Account,
    pool: str,
    lie: str,
    status: str,
    code: int,
):
    at(bridge, home)
    made = midjourney(home, prompt=f"a cat [lie={lie}]", process_mode="fast", service_mode=pool)

    for _ in range(3):
        look()
    if again(made).status == "processing":
        overdue(made)
        look()

    found = again(made)
    assert (found.status, found.error_code) == (status, code), found.error_message
    paid = FAST if (status, pool) == ("completed", "public") else 0
    assert found.cost_points == paid
    assert balance(home) == (DOLLAR - paid, 0)
    assert bridge.totals()["duplicates"] == 0
    if status == "failed":
        assert found.error_message.endswith("Nothing was charged.")
        assert bridge.url not in found.error_message + found.error_raw
    assert is_clean()


@pytest.mark.parametrize(
    ("words", "code"),
    [("[fail=moderated]", 11002), ("[fail=invalid]", 11000), ("[fail=link]", 11000), ("[fail=broken]", 11000),
     ("[fail=timeout]", 11001), ("[refuse=24]", 11002), ("[refuse=4]", 11000), ("[refuse=moderated]", 11002)],
)  # fmt: skip
def test_failure_of_a_private_task_is_free_and_counts_nothing(
    home: Workspace, bridge: RunningBridge, run: Run, words: str, code: int
):
    account = at(bridge, home)
    made = midjourney(home, prompt=f"a cat {words}", process_mode="fast")

    run()
    run(hurry=True)

    found = again(made)
    assert (found.status, found.error_code, found.cost_points) == ("failed", code, 0)
    assert found.error_raw != ""
    account.refresh_from_db()
    assert account.status == "active"
    assert is_clean()


# -------------------------------------------------------------------- accounts that stop working
PARKED = [
    ("captcha", "captcha_required"),
    ("banned", "banned"),
    ("subscription", "subscription_expired"),
]


@pytest.mark.parametrize(("word", "status"), PARKED)
@pytest.mark.parametrize("when", ["fail", "refuse"])
def test_account_that_is_parked_in_the_middle_hands_its_task_to_another(
    home: Workspace, make_bridge: Bridges, run: Run, when: str, word: str, status: str
):
    bad, good = make_bridge(), make_bridge()
    bad.knobs(**{when: word})
    first = at(bad, home, "A", turn=-100)
    at(good, home, "B")
    made = midjourney(home, process_mode="fast")

    for _ in range(3):
        run(hurry=True)

    first.refresh_from_db()
    assert first.status == status
    assert again(made).status == "completed"
    assert [one.state for one in Attempt.objects.order_by("number")] == ["FAILED", "SUCCEEDED"]
    assert (bad.totals()["submits"], good.totals()["tasks"]) == (1, 1)
    assert is_clean()


@pytest.mark.parametrize(("is_failing_over", "ends"), [(False, "failed"), (True, "completed")])
def test_with_the_last_account_gone_the_task_ends_or_fails_over(
    home: Workspace, make_bridge: Bridges, run: Run, is_failing_over: bool, ends: str
):
    bad, good = make_bridge(), make_bridge()
    bad.knobs(fail="captcha")
    at(bad, home)
    operators(base_url=good.url, config=QUICK)
    made = midjourney(home, process_mode="fast")
    if is_failing_over:
        change(home, failover_families=["midjourney"])

    run()
    run(hurry=True)
    waits = place(made)
    moved = failover.look_after()
    # Submitted, asked, and once more for a bridge that was slower than we.
    for _ in range(3):
        run(hurry=True)

    found = again(made)
    assert (waits, moved) == ("pending", 1)
    assert (found.status, found.failover_triggered) == (ends, is_failing_over)
    assert found.error_code == (0 if is_failing_over else 11003)
    assert balance(home) == (DOLLAR - FAST * is_failing_over, 0)
    assert is_clean()


@pytest.mark.parametrize("when", ["submit", "run"])
def test_fast_hours_that_run_out_in_the_middle_make_the_account_a_slow_one(
    home: Workspace, bridge: RunningBridge, run: Run, when: str
):
    account = at(bridge, home)
    bridge.knobs(fast_hours=0.0, exhausted=when)
    made = midjourney(home, process_mode="fast")

    for _ in range(3):
        run(hurry=True)

    account.refresh_from_db()
    assert (account.status, account.is_out_of_fast, account.mode) == ("active", True, "relax")
    found = again(made)
    assert (found.status, found.asked_mode, found.process_mode) == ("completed", "fast", "relax")
    assert bridge.tasks()[-1]["mode"] == "relax"
    assert is_clean()


def test_wrong_credential_parks_the_account_and_its_task_goes_elsewhere(
    home: Workspace, bridge: RunningBridge, run: Run
):
    first = at(bridge, home, "A", turn=-100)
    at(bridge, home, "B")
    credentials.put(first, "bad")
    made = midjourney(home)

    for _ in range(3):
        run(hurry=True)

    first.refresh_from_db()
    assert first.status == "invalid_credentials"
    assert again(made).status == "completed"
    assert is_clean()


def test_wrong_credential_of_the_only_account_leaves_the_task_to_the_sweep(
    home: Workspace, bridge: RunningBridge, run: Run
):
    first = at(bridge, home)
    credentials.put(first, "bad")
    made = midjourney(home)

    run()
    waits = place(made)
    failover.look_after()

    assert waits == "pending"
    assert (again(made).status, again(made).error_code) == ("failed", 11003)
    with pytest.raises(DomainError) as caught:
        midjourney(home)
    assert refusal(caught.value) == "503/10800"
    assert is_clean()


def test_credential_that_goes_wrong_while_a_task_runs_is_mended_and_the_task_ends_well(
    home: Workspace, bridge: RunningBridge
):
    account = at(bridge, home)
    made = midjourney(home, prompt=SLOW)
    look()
    credentials.put(account, "bad")
    look()
    account.refresh_from_db()
    parked = account.status
    credentials.put(account, "right again")
    bridge.finish()
    look(2)

    assert parked == "invalid_credentials"
    assert again(made).status == "completed"
    assert bridge.totals() == {"states": 1, "tasks": 1, "submits": 1, "duplicates": 0}
    assert is_clean()


def test_account_that_is_deleted_while_its_task_runs_ends_the_task_free(
    home: Workspace, bridge: RunningBridge
):
    account = at(bridge, home)
    at(bridge, home, "B")
    made = midjourney(home, prompt=SLOW, bot_id=account.pk)
    look()

    assert own.delete(workspace=home, actor=None, ip=None, account_id=account.pk) == 1
    look()

    assert (again(made).status, again(made).error_code) == ("failed", 11003)
    assert again(made).attempts.count() == 1
    assert is_clean()


# ---------------------------------------------------------------------------- seats that end
@pytest.mark.parametrize("is_failing_over", [False, True])
def test_every_seat_of_the_family_ends_while_tasks_run_and_wait(
    home: Workspace, make_bridge: Bridges, is_failing_over: bool
):
    theirs, ours = make_bridge(), make_bridge()
    for label in ("A", "B"):
        at(theirs, home, label, slots=2)
    operators(base_url=ours.url, config=QUICK, slots=50)
    parent = midjourney(home)
    look(1)
    look(1)
    running = [midjourney(home, prompt=SLOW, process_mode="fast") for _ in range(4)]
    look()
    waiting = [midjourney(home, process_mode="fast") for _ in range(3)]
    follow_up = varied(parent)
    dispatch()
    before = [place(one).split()[-1] for one in (*running, *waiting, follow_up)]
    if is_failing_over:
        change(home, failover_families=["midjourney"])

    factory.seats(home, "midjourney", 0)
    assert seats.sync_due() == 2
    failover.look_after()
    failover.look_after()
    theirs.finish()
    for _ in range(3):
        look(1)

    assert before == ["fast"] * 4 + ["pending"] * 4
    assert [again(one).status for one in running] == ["completed"] * 4
    ended = [(again(one).status, again(one).error_code) for one in waiting]
    assert ended == [("completed", 0) if is_failing_over else ("failed", 11003)] * 3
    assert (again(follow_up).status, again(follow_up).error_code) == ("failed", 11003)
    assert "seat" in again(follow_up).error_message
    assert balance(home) == (DOLLAR - 3 * FAST * is_failing_over, 0)
    assert ours.totals()["tasks"] == 3 * is_failing_over
    with pytest.raises(DomainError) as caught:
        midjourney(home)
    assert refusal(caught.value) == "403/10301"
    assert is_clean()


def test_seats_that_come_back_take_tasks_again(home: Workspace, bridge: RunningBridge, run: Run):
    at(bridge, home)
    parent = midjourney(home)
    run()
    run(hurry=True)
    factory.seats(home, "midjourney", 0)
    seats.sync_due()
    factory.seats(home, "midjourney", 1)
    seats.sync_due()

    made = [midjourney(home), varied(parent)]
    for _ in range(2):
        run(hurry=True)

    assert [again(one).status for one in made] == ["completed"] * 2
    assert is_clean()
