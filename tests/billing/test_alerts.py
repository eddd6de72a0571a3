"""Low and exhausted balances are told once, until credits come in."""

import json
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.billing.models import BalanceAlert
from apps.billing.services import alerts, credits, movements
from apps.notifications.models import Delivery, Email
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity, owner_of

pytestmark = pytest.mark.django_db
USD = 10_000_000
HOOK = "https://hooks.example.com/credits"


def _workspace(usd: int = 10, **fields: Any) -> Workspace:
    """A workspace that bought so much."""
    workspace = WorkspaceFactory.create(points=0)
    _buy(workspace, usd, "payment:1")
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
    workspace.refresh_from_db()
    return workspace


def _buy(workspace: Workspace, usd: int, name: str) -> None:
    movements.purchase(workspace_id=workspace.pk, points=usd * USD, reference=name)


def _spend(workspace: Workspace, points: int, name: str) -> None:
    credits.hold(identity=identity(workspace), points=points, reference=name)
    credits.capture(workspace_id=workspace.pk, reference=name, cost=points)


def _told(workspace: Workspace) -> list[str]:
    return list(Email.objects.of(workspace.pk).order_by("id").values_list("kind", flat=True))


def _hooked(workspace: Workspace) -> list[dict[str, Any]]:
    rows = Delivery.objects.of(workspace.pk).filter(kind="credits_exhausted").order_by("id")
    return [json.loads(row.body) for row in rows]


def test_watch_tells_of_a_low_balance_once_and_again_after_income() -> None:
    workspace = _workspace()
    found = []
    for step in (
        lambda: None,
        lambda: _spend(workspace, 91 * USD // 10, "task:a"),
        lambda: None,
        lambda: _buy(workspace, 5, "payment:2"),
        lambda: _spend(workspace, 52 * USD // 10, "task:b"),
    ):
        step()
        alerts.watch()
        found.append(_told(workspace))

    low = "low_balance"
    assert found == [[], [low], [low], [low], [low, low]]
    mail = Email.objects.of(workspace.pk).earliest("id")
    assert (mail.to, mail.subject) == (
        owner_of(workspace).email,
        f"The balance of {workspace.name} is low: $0.90",
    )


def test_hold_that_comes_and_goes_over_the_mark_is_told_once() -> None:
    workspace = _workspace(usd=2)
    for n in range(3):
        credits.hold(identity=identity(workspace), points=12 * USD // 10, reference=f"task:{n}")
        alerts.watch()
        credits.release(workspace_id=workspace.pk, reference=f"task:{n}")
        alerts.watch()

    assert _told(workspace) == ["low_balance"]


def test_watch_heeds_the_workspaces_own_mark() -> None:
    early, never = _workspace(low_balance_points=8 * USD), _workspace(low_balance_points=0)
    for workspace in (early, never):
        _spend(workspace, 3 * USD, "task:a")
    alerts.watch()
    _spend(never, 64 * USD // 10, "task:b")
    alerts.watch()

    assert (_told(early), _told(never)) == (["low_balance"], [])


def test_welcome_credits_alone_tell_nobody_anything() -> None:
    workspace = WorkspaceFactory.create(points=3_300_000)
    _spend(workspace, 100_000, "task:a")

    alerts.watch()

    assert _told(workspace) == []


def test_watch_tells_of_exhausted_credits_by_mail_and_to_the_notification_address() -> None:
    workspace = _workspace(notification_hook_url=HOOK)
    _spend(workspace, 98 * USD // 10, "task:a")

    alerts.watch()
    alerts.watch()

    assert _told(workspace) == ["credits_exhausted"]
    (body,) = _hooked(workspace)
    assert {**body, "time": 0} == {
        "type": "credits_exhausted",
        "time": 0,
        "message": "The workspace has used up its credits.",
        "detail": {"quota_type": "", "credis_remain": 140, "credits_remain": 140},
    }
    assert Delivery.objects.of(workspace.pk).get(kind="credits_exhausted").endpoint == HOOK


def test_refused_hold_tells_of_exhausted_credits_once_and_again_after_income() -> None:
    workspace = _workspace(notification_hook_url=HOOK)
    found = []
    for n in range(3):
        with pytest.raises(credits.InsufficientCredits):
            credits.hold(identity=identity(workspace), points=90 * USD, reference=f"task:{n}")
        alerts.watch()
        found.append(len(_hooked(workspace)))
        if n:
            _buy(workspace, 5, f"payment:again{n}")
            alerts.watch()

    assert found == [1, 1, 2]


def test_plan_without_notifications_gets_the_mail_only() -> None:
    workspace = _workspace(notification_hook_url=HOOK, plan="hobbyist")
    _spend(workspace, 98 * USD // 10, "task:a")

    alerts.watch()

    assert (_told(workspace), _hooked(workspace)) == (["credits_exhausted"], [])


def test_neighbour_is_not_told() -> None:
    ours, theirs = _workspace(), _workspace()
    _spend(ours, 99 * USD // 10, "task:a")

    alerts.watch()

    assert (_told(ours), _told(theirs)) == (["credits_exhausted"], [])
    assert not BalanceAlert.objects.of(theirs.pk).exists()


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_watch_and_refusals_at_once_tell_once() -> None:
    workspace = _workspace(notification_hook_url=HOOK)
    _spend(workspace, 98 * USD // 10, "task:a")

    problems = at_once(
        alerts.watch,
        alerts.watch,
        lambda: alerts.tell_exhausted(workspace_id=workspace.pk),
        lambda: alerts.tell_exhausted(workspace_id=workspace.pk),
        times=3,
    )

    assert problems == []
    assert _told(workspace) == ["credits_exhausted"]
    assert len(_hooked(workspace)) == 1
