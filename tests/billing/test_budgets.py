"""Setting budgets, reading them, and telling people: once each."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts import selectors as accounts
from apps.accounts.models import AuditEvent, Membership, User, Workspace
from apps.billing import policies
from apps.billing.models import CapSpend, CreditEntry
from apps.billing.selectors import budgets as reading
from apps.billing.services import budgets, credits
from apps.billing.services.budgets import By, KeyLimits, Limits, WorkspaceLimits
from apps.billing.services.caps import SpendLimitReached
from apps.core.errors import InvalidRequest, NotFound
from apps.notifications.models import Email
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity, member, owner_of

pytestmark = pytest.mark.django_db
USD = 10_000_000


def _set(workspace: Workspace, **limits: Any) -> None:
    budgets.set_workspace(
        workspace_id=workspace.pk, limits=WorkspaceLimits(**limits), by=By(owner_of(workspace))
    )
    workspace.refresh_from_db()


def _membership(workspace: Workspace, **who: Any) -> Membership:
    return Membership.objects.get(workspace=workspace, **who)


def _spend(workspace: Workspace, points: int, name: str, **key: Any) -> None:
    credits.hold(identity=identity(workspace, **key), points=points, reference=name)
    credits.capture(workspace_id=workspace.pk, reference=name, cost=points)


def _subjects(workspace: Workspace) -> list[tuple[str, str]]:
    rows = Email.objects.of(workspace.pk).order_by("id")
    return list(rows.values_list("to", "subject"))


# ------------------------------------------------------------------------------ setting
def test_set_workspace_counts_what_was_spent_and_leaves_an_audit_event() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    _spend(workspace, 3 * USD, "task:a")

    _set(workspace, cap_daily_points=4 * USD, low_balance_points=USD, budget_refuses=False)

    (meter,) = reading.budgets(workspace=workspace).workspace
    assert (meter.spent, meter.counter.cap, meter.percent) == (3 * USD, 4 * USD, 75)
    event = AuditEvent.objects.of(workspace.pk).get(action="budget.changed")
    assert (event.actor, event.target, event.detail) == (
        owner_of(workspace),
        workspace.slug,
        {
            "budget": "workspace",
            "from": {
                "cap_daily_points": None, "low_balance_points": None, "budget_refuses": True,
            },
            "to": {
                "cap_daily_points": 4 * USD, "low_balance_points": USD, "budget_refuses": False,
            },
        },
    )  # fmt: skip


def test_set_again_to_the_same_leaves_no_event() -> None:
    workspace = WorkspaceFactory.create()

    _set(workspace, cap_daily_points=USD)
    _set(workspace, cap_daily_points=USD)

    assert AuditEvent.objects.of(workspace.pk).filter(action="budget.changed").count() == 1


def test_limit_that_was_off_for_a_while_counts_what_was_spent_in_between() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    _set(workspace, cap_daily_points=5 * USD)
    _spend(workspace, USD, "task:a")
    _set(workspace)
    _spend(workspace, 3 * USD, "task:b")
    _set(workspace, cap_daily_points=5 * USD)

    with pytest.raises(SpendLimitReached):
        _spend(workspace, USD + 1, "task:c")
    _spend(workspace, USD, "task:d")


def test_member_and_key_limits_hold_at_once() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    user, by = member(workspace), By(owner_of(workspace))
    row = _membership(workspace, user=user)
    budgets.set_member(
        workspace_id=workspace.pk, member_id=row.pk, limits=Limits(cap_daily_points=5), by=by
    )
    who = identity(workspace)
    assert who.key_id is not None
    budgets.set_key(
        workspace_id=workspace.pk,
        key_id=who.key_id,
        limits=KeyLimits(cap_total_points=7),
        by=by,
    )

    found = reading.budgets(workspace=workspace)
    person = accounts.identity_of_member(workspace=workspace, user=user)
    assert (person.member_cap_daily, person.has_cap) == (5, True)
    assert [[m.counter.cap for m in one.meters] for one in found.members] == [[], [5]]
    assert [[m.counter.cap for m in one.meters] for one in found.keys] == [[7]]


def test_neighbours_members_and_keys_cannot_be_limited() -> None:
    ours, theirs = WorkspaceFactory.create(), WorkspaceFactory.create()
    key_id = identity(theirs).key_id
    assert key_id is not None

    with pytest.raises(NotFound):
        budgets.set_member(
            workspace_id=ours.pk,
            member_id=_membership(theirs).pk,
            limits=Limits(cap_daily_points=1),
            by=By(None),
        )
    with pytest.raises(NotFound):
        budgets.set_key(workspace_id=ours.pk, key_id=key_id, limits=KeyLimits(1), by=By(None))

    assert [one.meters for one in reading.budgets(workspace=theirs).members] == [[]]
    assert AuditEvent.objects.of(ours.pk).filter(action="budget.changed").count() == 0


@pytest.mark.parametrize("points", [-1, 10**17 + 1])
def test_amounts_that_cannot_be_are_refused(points: int) -> None:
    workspace = WorkspaceFactory.create()

    with pytest.raises(InvalidRequest):
        _set(workspace, cap_daily_points=points)


# ------------------------------------------------------------------------------ telling
def test_warn_writes_at_each_mark_once_and_again_after_a_new_limit() -> None:
    workspace = WorkspaceFactory.create(points=100 * USD)
    owner = owner_of(workspace).email
    _set(workspace, cap_monthly_points=10 * USD)
    found = []
    for n, spent in enumerate((4, 1, 1, 3, 1)):  # 4, 5, 6, 9, 10 of 10
        _spend(workspace, spent * USD, f"task:{n}")
        budgets.warn()
        budgets.warn()
        found.append(len(_subjects(workspace)))

    assert found == [0, 1, 1, 2, 3]
    words = f"Workspace {workspace.name} has used"
    assert _subjects(workspace) == [
        (owner, f"{words} {percent} % of $10.00 a month (UTC)") for percent in (50, 80, 100)
    ]
    _set(workspace, cap_monthly_points=20 * USD)
    budgets.warn()
    assert _subjects(workspace)[3:] == [(owner, f"{words} 50 % of $20.00 a month (UTC)")]


def test_warn_of_a_members_limit_writes_to_them_too() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    user = member(workspace)
    budgets.set_member(
        workspace_id=workspace.pk,
        member_id=_membership(workspace, user=user).pk,
        limits=Limits(cap_daily_points=USD),
        by=By(None),
    )
    person = accounts.identity_of_member(workspace=workspace, user=user)
    credits.hold(identity=person, points=USD, reference="task:a")

    budgets.warn()

    subject = f"{user.email} has used 100 % of $1.00 a day (UTC)"
    assert _subjects(workspace) == [(owner_of(workspace).email, subject), (user.email, subject)]


def test_warn_says_whose_budget_it_is_in_the_language_of_each_reader() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    reader = owner_of(workspace)
    User.objects.filter(pk=reader.pk).update(language="zh-hans")
    english = member(workspace, "billing")
    _set(workspace, cap_daily_points=USD)
    _spend(workspace, USD, "task:a")

    budgets.warn()
    budgets.warn()

    assert _subjects(workspace) == [
        (reader.email, f"工作区 {workspace.name} 已使用每天（UTC）$1.00 预算的 100%"),
        (english.email, f"Workspace {workspace.name} has used 100 % of $1.00 a day (UTC)"),
    ]


def test_warn_says_nothing_of_days_gone_by_and_of_limits_taken_away() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    _set(workspace, cap_daily_points=USD)
    _spend(workspace, USD, "task:a")
    CapSpend.objects.of(workspace.pk).update(period="2020-01-01")
    budgets.warn()
    _set(workspace, cap_monthly_points=USD)
    _set(workspace)
    budgets.warn()

    assert _subjects(workspace) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_warn_at_once_writes_one_mail() -> None:
    workspace = WorkspaceFactory.create(points=10 * USD)
    _set(workspace, cap_daily_points=USD)
    _spend(workspace, USD, "task:a")

    problems = at_once(*[budgets.warn] * 4)

    assert problems == []
    assert len(_subjects(workspace)) == 1


# ------------------------------------------------------------------------------ forecast
@pytest.mark.parametrize(
    ("available", "spent", "days", "left"),
    [(100, 0, 5, None), (100, 50, 5, 10), (100, 70, 14, 20), (100, 50, 0.1, 2), (0, 50, 5, 0)],
)
def test_days_left_rule(available: int, spent: int, days: float, left: int | None) -> None:
    seconds = days * 86_400
    assert policies.days_left(available=available, spent=spent, seconds=seconds) == left


def test_days_left_follows_the_last_two_weeks_of_this_workspace() -> None:
    workspace, other = WorkspaceFactory.create(points=1000), WorkspaceFactory.create(points=1000)
    assert reading.days_left(workspace_id=workspace.pk) is None
    _spend(workspace, 200, "task:a")
    _spend(other, 900, "task:a")
    first = CreditEntry.objects.of(workspace.pk).earliest("id").created_at

    found = [
        reading.days_left(workspace_id=workspace.pk, now=first + timedelta(days=days))
        for days in (0, 10, 15)
    ]

    assert found == [4, 40, None]
    assert first <= timezone.now()
