"""Reading budgets: what is set, what is spent of it, and how long the balance lasts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.accounts.models import ApiKey, Membership, Workspace
from apps.billing import policies
from apps.billing.models import CapSpend, Wallet
from apps.billing.policies import Caps, Counter

Scope = CapSpend.Scope


@dataclass(frozen=True)
class Meter:
    """A cap and what is spent of it in the period that runs."""

    counter: Counter
    spent: int

    @property
    def percent(self) -> int:
        """Rounded down, at most 100."""
        cap = self.counter.cap
        return min(self.spent * 100 // cap, 100) if cap else 100

    @property
    def tone(self) -> str:
        """ok, warn from 80 percent on, bad when nothing is left."""
        return "bad" if self.percent >= 100 else "warn" if self.percent >= 80 else "ok"


@dataclass(frozen=True)
class Budget:
    """A member's or key's limits; `row` is the Membership or ApiKey."""

    row: Any
    meters: list[Meter]


@dataclass(frozen=True)
class Budgets:
    workspace: list[Meter]
    members: list[Budget]
    keys: list[Budget]


def caps_of(row: Workspace | Membership | ApiKey) -> Caps:
    return Caps(
        daily=row.cap_daily_points,
        monthly=row.cap_monthly_points,
        total=row.cap_total_points if isinstance(row, ApiKey) else None,
        refuses=row.budget_refuses if isinstance(row, Workspace) else True,
    )


def scope_of(row: Workspace | Membership | ApiKey) -> Scope:
    if isinstance(row, Workspace):
        return Scope.WORKSPACE
    return Scope.MEMBER if isinstance(row, Membership) else Scope.KEY


def counters_of(row: Workspace | Membership | ApiKey, *, now: datetime) -> list[Counter]:
    return policies.counters(
        scope=scope_of(row).value, subject_id=row.pk, caps=caps_of(row), now=now
    )


def budgets(*, workspace: Workspace, now: datetime | None = None) -> Budgets:
    """Every limit of the workspace, its members and its live keys."""
    now = now or timezone.now()
    members = list(
        Membership.objects.filter(workspace=workspace).select_related("user").order_by("id")
    )
    keys = list(ApiKey.objects.of(workspace.pk).filter(revoked_at=None).order_by("name", "id"))
    subjects: list[Workspace | Membership | ApiKey] = [workspace, *members, *keys]
    counters = {(scope_of(row), row.pk): counters_of(row, now=now) for row in subjects}
    spent = _spent(workspace.pk, counters.values())

    def meters(row: Workspace | Membership | ApiKey) -> list[Meter]:
        return [
            Meter(one, spent.get((one.scope, one.subject_id, one.period), 0))
            for one in counters[scope_of(row), row.pk]
        ]

    return Budgets(
        workspace=meters(workspace),
        members=[Budget(row, meters(row)) for row in members],
        keys=[Budget(row, meters(row)) for row in keys],
    )


def _spent(workspace_id: int, counters: Iterable[list[Counter]]) -> dict[tuple[str, int, str], int]:
    periods = {one.period for some in counters for one in some}
    rows = CapSpend.objects.of(workspace_id).filter(period__in=periods)
    return {(row.scope, row.subject_id, row.period): row.points for row in rows}


_WINDOW = timedelta(days=14)
# Of busy workspaces the last lines tell as much about their pace as all of the two weeks.
_MOST_LINES = 20_000
_SPENT = """
SELECT COALESCE(sum(-(available_delta + held_delta)) FILTER (WHERE kind = 'CAPTURE'), 0)::bigint,
       COALESCE(extract(epoch FROM %(now)s::timestamptz - min(created_at)), 0)::float8
  FROM (SELECT kind, available_delta, held_delta, created_at FROM billing_creditentry
         WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(most)s) AS lines
 WHERE created_at >= %(since)s::timestamptz
"""


@dataclass(frozen=True)
class Pace:
    """What was spent in the last two weeks, or since the first line of a younger workspace."""

    spent: int
    seconds: float

    def days(self, points: int) -> int | None:
        """For how many whole days so much lasts at this pace; None when nothing was spent."""
        return policies.days_left(available=points, spent=self.spent, seconds=self.seconds)


def days_left(*, workspace_id: int, now: datetime | None = None) -> int | None:
    """For how many days the balance lasts at the pace of the last two weeks; None when nothing was spent in them."""
    found = pace(workspace_id=workspace_id, now=now)
    return found.days(Wallet.objects.of(workspace_id).get().available)


def workspace_meters(*, workspace: Workspace, now: datetime | None = None) -> list[Meter]:
    """The workspace's own limits with what is spent of them. No query where none is set."""
    counters = counters_of(workspace, now=now or timezone.now())
    spent = _spent(workspace.pk, [counters]) if counters else {}
    return [Meter(one, spent.get((one.scope, one.subject_id, one.period), 0)) for one in counters]


def pace(*, workspace_id: int, now: datetime | None = None) -> Pace:
    """How fast a workspace spends. One query, bounded however long the ledger is."""
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _SPENT,
            {
                "now": now,
                "workspace": workspace_id,
                "most": _MOST_LINES,
                "since": now - _WINDOW,
            },
        )
        return Pace(*cursor.fetchone())
