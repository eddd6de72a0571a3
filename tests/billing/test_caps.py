"""Caps of keys, members and workspaces: exact at once, freed by what ends, counted from the ledger when set later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts import selectors as accounts
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.selectors import Identity
from apps.billing import policies
from apps.billing.models import CapSpend, CreditEntry, Wallet
from apps.billing.policies import Caps
from apps.billing.services import credits, movements
from apps.billing.services.caps import SpendLimitReached
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import ILLUSTRATION, WorkspaceFactory, identity, member, owner_of, task

NOW = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)


def _limit(workspace: Workspace, user: User | None = None, **caps: Any) -> None:
    """Set caps of the workspace, or of that member, as the tables have them."""
    if user is None:
        Workspace.objects.filter(pk=workspace.pk).update(**caps)
        workspace.refresh_from_db()
    else:
        Membership.objects.filter(workspace=workspace, user=user).update(**caps)


def _person(workspace: Workspace, user: User) -> Identity:
    return accounts.identity_of_member(workspace=workspace, user=user)


def _key_of(workspace: Workspace, user: User, **terms: Any) -> Identity:
    who = identity(workspace, **terms)
    ApiKey.objects.of(workspace.pk).filter(pk=who.key_id).update(created_by=user)
    accounts.forget_believed_keys()
    return _again(who)


def _again(who: Identity) -> Identity:
    """The same key, as it is looked up now."""
    key = ApiKey.objects.of(who.workspace_id).get(pk=who.key_id)
    with connection.cursor() as cursor:
        cursor.execute(accounts._IDENTIFY, [bytes(key.digest)] * 2)
        return accounts._identity(cursor.fetchone())


def _counts(workspace: Workspace) -> dict[tuple[str, int], int]:
    """Scope and length of the period → points."""
    rows = CapSpend.objects.of(workspace.pk)
    return {(row.scope, len(row.period)): row.points for row in rows}


DAY, MONTH, TOTAL = 10, 7, 5


def _tries(who: Identity, points: int, name: str) -> bool:
    try:
        credits.hold(identity=who, points=points, reference=name)
    except SpendLimitReached:
        return False
    return True


def _tries_on_a_thread(who: Identity, points: int, name: str) -> bool:
    try:
        return _tries(who, points, name)
    finally:
        connection.close()


# ------------------------------------------------------------------------------ rules
def test_counters_are_those_that_are_set_on_utc_days_and_months() -> None:
    found = policies.counters(
        scope="key", subject_id=7, caps=Caps(daily=1, monthly=2, total=3), now=NOW
    )

    february = datetime(2027, 2, 1, tzinfo=UTC)
    assert [(one.period, one.since, one.resets_at, one.cap) for one in found] == [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC), february, 1),
        ("2027-01", datetime(2027, 1, 1, tzinfo=UTC), february, 2),
        ("total", datetime(2000, 1, 1, tzinfo=UTC), None, 3),
    ]
    assert policies.counters(scope="key", subject_id=7, caps=Caps(), now=NOW) == []


@pytest.mark.parametrize(
    ("spent", "cap", "percent"),
    [(49, 100, 0), (50, 100, 50), (79, 100, 50), (80, 100, 80), (99, 100, 80), (100, 100, 100)],
)
def test_share_to_tell_is_the_highest_mark_reached(spent: int, cap: int, percent: int) -> None:
    assert policies.share_to_tell(spent=spent, cap=cap) == percent


# ------------------------------------------------------------------------------ who counts
@pytest.mark.django_db
def test_workspace_budget_holds_for_keys_and_people_together() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _limit(workspace, cap_daily_points=100)
    key, person = identity(workspace), _person(workspace, owner_of(workspace))
    credits.hold(identity=key, points=60, reference="task:a")

    assert not _tries(person, 41, "task:b")
    assert _tries(person, 40, "task:c")
    assert not _tries(key, 1, "task:d")


@pytest.mark.django_db
def test_member_cap_holds_for_the_person_and_for_keys_they_made_and_nobody_else() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    ana, ben = member(workspace), member(workspace)
    _limit(workspace, ana, cap_monthly_points=100)
    anas_key = _key_of(workspace, ana)
    credits.hold(identity=_person(workspace, ana), points=70, reference="task:a")

    assert not _tries(anas_key, 31, "task:b")
    assert _tries(anas_key, 30, "task:c")
    assert _tries(_person(workspace, ben), 500, "task:d")
    assert _tries(identity(workspace), 100, "task:e")


@pytest.mark.django_db
def test_refusal_names_the_budget_what_is_spent_and_when_it_opens() -> None:
    workspace = WorkspaceFactory.create(points=100_000_000)
    _limit(workspace, cap_daily_points=50_000_000)
    who = identity(workspace)
    credits.hold(identity=who, points=30_000_000, reference="task:a")

    with pytest.raises(SpendLimitReached) as refused:
        credits.hold(identity=who, points=30_000_000, reference="task:b")

    detail = refused.value.detail or {}
    today = CreditEntry.objects.of(workspace.pk).latest("id").created_at
    opens = (today + timedelta(days=1)).date()
    assert detail == {
        "budget": "workspace",
        "period": f"{today:%Y-%m-%d}",
        "cap_points": 50_000_000,
        "spent_points": 30_000_000,
        "needed_points": 30_000_000,
        "resets_at": f"{opens}T00:00:00Z",
    }
    assert refused.value.message == (
        "This workspace may spend $5.00 a day (UTC), and this would pass it."
        f" It opens again on {opens} at 00:00 UTC."
    )


@pytest.mark.django_db
def test_budget_that_only_tells_counts_and_refuses_nothing() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _limit(workspace, cap_daily_points=100, budget_refuses=False)
    who = identity(workspace, cap_total_points=500)

    assert _tries(who, 400, "task:a")
    assert not _tries(who, 101, "task:b")

    assert _counts(workspace) == {("workspace", DAY): 400, ("key", TOTAL): 400}


@pytest.mark.django_db
def test_cap_of_nothing_lets_nothing_through() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _limit(workspace, cap_daily_points=0)

    assert not _tries(identity(workspace), 1, "task:a")


@pytest.mark.django_db
def test_neighbours_spending_does_not_count() -> None:
    ours, theirs = WorkspaceFactory.create(points=1000), WorkspaceFactory.create(points=1000)
    credits.hold(identity=identity(theirs), points=900, reference="task:a")
    _limit(ours, cap_daily_points=100)

    assert _tries(identity(ours), 100, "task:a")
    assert _counts(theirs) == {}


# ------------------------------------------------------------------------------ settling
def _capped_everywhere() -> tuple[Workspace, Identity]:
    workspace = WorkspaceFactory.create(points=1000)
    user = member(workspace)
    _limit(workspace, cap_daily_points=500, cap_monthly_points=500)
    _limit(workspace, user, cap_daily_points=400, cap_monthly_points=400)
    return workspace, _key_of(
        workspace, user, cap_daily_points=300, cap_monthly_points=300, cap_total_points=300
    )


def _all(points: int) -> dict[tuple[str, int], int]:
    return {
        ("key", DAY): points, ("key", MONTH): points, ("key", TOTAL): points,
        ("member", DAY): points, ("member", MONTH): points,
        ("workspace", DAY): points, ("workspace", MONTH): points,
    }  # fmt: skip


@pytest.mark.django_db
def test_settling_and_refunding_free_every_cap_that_counted() -> None:
    workspace, who = _capped_everywhere()
    found = []
    for step in (
        lambda: credits.hold(identity=who, points=200, reference="task:a"),
        lambda: credits.hold(identity=who, points=50, reference="task:b"),
        lambda: credits.release(workspace_id=workspace.pk, reference="task:b"),
        lambda: credits.capture(workspace_id=workspace.pk, reference="task:a", cost=120),
        lambda: movements.refund(
            workspace_id=workspace.pk, reference="task:a", points=20, note="bad", actor=None
        ),
        lambda: movements.refund(
            workspace_id=workspace.pk, reference="task:a", points=20, note="bad", actor=None
        ),
    ):
        step()
        found.append(_counts(workspace))

    assert found == [_all(n) for n in (200, 250, 200, 120, 100, 100)]


@pytest.mark.django_db
def test_refused_by_one_cap_counts_in_none() -> None:
    workspace, who = _capped_everywhere()
    credits.hold(identity=who, points=200, reference="task:a")

    assert not _tries(who, 150, "task:b")

    assert _counts(workspace) == _all(200)


@pytest.mark.django_db
def test_persons_hold_frees_the_members_cap_when_it_ends() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    user = member(workspace)
    _limit(workspace, user, cap_daily_points=100)
    credits.hold(identity=_person(workspace, user), points=100, reference="task:a")

    credits.release(workspace_id=workspace.pk, reference="task:a")

    assert _counts(workspace) == {("member", DAY): 0}
    hold = CreditEntry.objects.of(workspace.pk).get(kind="HOLD")
    assert (hold.actor_id, hold.api_key_id) == (user.pk, None)


# ------------------------------------------------------------------------------ set later
@pytest.mark.django_db
def test_cap_that_is_set_later_counts_the_periods_holds_less_what_came_back() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    user = member(workspace)
    who = _key_of(workspace, user)
    for name, cost in (("task:a", 60), ("task:b", 30)):
        credits.hold(identity=who, points=100, reference=name)
        credits.capture(workspace_id=workspace.pk, reference=name, cost=cost)
    movements.refund(
        workspace_id=workspace.pk, reference="task:b", points=10, note="bad", actor=None
    )
    credits.hold(identity=who, points=15, reference="task:c")
    credits.hold(identity=_person(workspace, owner_of(workspace)), points=7, reference="task:d")
    _limit(workspace, cap_daily_points=500)
    _limit(workspace, user, cap_daily_points=400)
    ApiKey.objects.of(workspace.pk).filter(pk=who.key_id).update(cap_daily_points=300)

    credits.hold(identity=_again(who), points=1, reference="task:e")

    # 60 + (30 − 10) + 15, and what comes now; of the workspace also the owner's 7.
    assert _counts(workspace) == {
        ("key", DAY): 96,
        ("member", DAY): 96,
        ("workspace", DAY): 103,
    }


# ------------------------------------------------------------------------------ at once
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_five_hundred_spends_at_once_hold_a_daily_cap_to_the_point() -> None:
    workspace = WorkspaceFactory.create(points=1_000_000)
    _limit(workspace, cap_daily_points=1_003)
    people = [_person(workspace, owner_of(workspace)), *(identity(workspace) for _ in range(3))]

    with ThreadPoolExecutor(max_workers=25) as pool:
        held = list(
            pool.map(lambda n: _tries_on_a_thread(people[n % 4], 7, f"task:{n}"), range(500))
        )

    assert held.count(True) == 143  # 143 × 7 = 1001
    assert _counts(workspace) == {("workspace", DAY): 1001}
    assert Wallet.objects.of(workspace.pk).get().held == 1001


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_spending_and_settling_at_once_under_all_caps_ends_at_zero_without_deadlock() -> None:
    workspace, who = _capped_everywhere()
    user = Membership.objects.get(pk=who.member_id).user
    other = _key_of(workspace, user, cap_daily_points=300, cap_total_points=300)
    person = _person(workspace, user)

    def spend(caller: Identity, name: str) -> None:
        for n in range(12):
            reference = f"task:{name}{n}"
            try:
                credits.hold(identity=caller, points=30, reference=reference)
            except SpendLimitReached:
                continue
            if n % 3:
                credits.release(workspace_id=workspace.pk, reference=reference)
            else:
                credits.capture(workspace_id=workspace.pk, reference=reference, cost=0)

    callers = [(who, "a"), (who, "b"), (other, "c"), (other, "d"), (person, "e"), (person, "f")]
    problems = at_once(*[lambda c=c, name=name: spend(c, name) for c, name in callers])

    assert problems == []
    assert set(CapSpend.objects.of(workspace.pk).values_list("points", flat=True)) == {0}
    assert Wallet.objects.of(workspace.pk).get().available == 1000


@pytest.mark.django_db
def test_task_counts_for_who_is_capped_only() -> None:
    workspace = WorkspaceFactory.create(points=10_000_000)
    user = member(workspace)
    _limit(workspace, user, cap_daily_points=5_000_000)

    made = create_task(identity=_person(workspace, user), request=TaskRequest(**ILLUSTRATION))
    task(workspace)

    assert _counts(workspace) == {("member", DAY): made.task.price_points}
