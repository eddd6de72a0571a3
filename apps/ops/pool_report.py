"""The operator's numbers: what waits, what the pool's accounts do, what that costs and brings, what is told.

All of it is read from the database, because the processes that do the work are not the one that is asked. Every query
is bounded by an index on what is unfinished, or on the span asked for; nothing here names a customer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection

from apps.byoa import selectors as byoa
from apps.byoa.models import Account, Status
from apps.tasks.services import dispatch


def _rows(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


# ---------------------------------------------------------------------------------- what waits
@dataclass(frozen=True)
class Queue:
    """Unfinished tasks of a family; `oldest_seconds` is since the creation of the oldest pending one, 0 without."""

    family: str
    staged: int
    pending: int
    processing: int
    oldest_seconds: float


_QUEUES = """
SELECT family, count(*) FILTER (WHERE status = 'staged'), count(*) FILTER (WHERE status = 'pending'),
       count(*) FILTER (WHERE status = 'processing'),
       COALESCE(EXTRACT(EPOCH FROM statement_timestamp() - min(created_at) FILTER (WHERE status = 'pending')), 0)::float
  FROM tasks_task WHERE status IN ('staged', 'pending', 'processing') GROUP BY family ORDER BY family
"""


def queues() -> list[Queue]:
    """Families that have something unfinished, by name."""
    return [Queue(*row) for row in _rows(_QUEUES)]


# ------------------------------------------------------------------------- what attempts came to
@dataclass(frozen=True)
class Outcome:
    """Attempts of an account (None: our own engine, or one that was removed) that ended in a state."""

    provider: str
    account_id: int | None
    state: str
    attempts: int
    cost_points: int
    revenue_points: int
    seconds: float


# One lookup in the index by account for each account of the pool, and one for what has none.
_OUTCOMES = """
WITH since AS (SELECT {since} AS at), lane AS (
    SELECT a.provider, a.account_id, a.state, a.cost_points, a.price_points, a.started_at, a.ended_at
      FROM byoa_account c CROSS JOIN since
      JOIN tasks_attempt a ON a.account_id = c.id AND a.ended_at >= since.at
     WHERE c.workspace_id IS NULL
    UNION ALL
    SELECT a.provider, NULL, a.state, a.cost_points, a.price_points, a.started_at, a.ended_at
      FROM since JOIN tasks_attempt a ON a.account_id IS NULL AND a.ended_at >= since.at
)
SELECT provider, account_id, state, count(*), sum(cost_points)::bigint, sum(price_points)::bigint,
       sum(EXTRACT(EPOCH FROM ended_at - started_at))::float
  FROM lane GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_TODAY = _OUTCOMES.format(since="date_trunc('day', statement_timestamp(), 'UTC')")
_LATELY = _OUTCOMES.format(since="statement_timestamp() - %s * interval '1 hour'")


def outcomes_today() -> list[Outcome]:
    """Since 00:00 UTC, by provider, account and state."""
    return [Outcome(*row) for row in _rows(_TODAY)]


def outcomes(*, hours: int) -> list[Outcome]:
    """Of the last hours, by provider, account and state."""
    return [Outcome(*row) for row in _rows(_LATELY, [hours])]


# --------------------------------------------------------------------------------- what is told
@dataclass(frozen=True)
class Deliveries:
    """Events that wait to be told; `overdue_seconds` is how late the most overdue is. `failed` of the last 24 hours."""

    waiting: int
    due: int
    oldest_seconds: float
    overdue_seconds: float
    failed: int


_DELIVERIES = """
SELECT count(*), count(*) FILTER (WHERE next_attempt_at <= statement_timestamp()),
       COALESCE(EXTRACT(EPOCH FROM statement_timestamp() - min(created_at)), 0)::float,
       GREATEST(COALESCE(EXTRACT(EPOCH FROM statement_timestamp() - min(next_attempt_at)), 0), 0)::float,
       (SELECT count(*) FROM notifications_delivery
         WHERE state IN ('FAILED', 'STOPPED') AND ended_at >= statement_timestamp() - interval '1 day')
  FROM notifications_delivery WHERE state = 'WAITING'
"""


def deliveries() -> Deliveries:
    return Deliveries(*_rows(_DELIVERIES)[0])


# ---------------------------------------------------------------------------------- the accounts
_EXPIRED = "SELECT count(*) FROM byoa_slotlease WHERE expires_at <= statement_timestamp()"


def expired_leases() -> int:
    """Slots past their time that nobody has cleared away; they count for nobody."""
    return int(_rows(_EXPIRED)[0][0])


@dataclass(frozen=True)
class Money:
    """What work cost us and what customers paid for it, in points."""

    cost_points: int = 0
    revenue_points: int = 0

    @property
    def margin_points(self) -> int:
        return self.revenue_points - self.cost_points

    @property
    def margin_percent(self) -> Decimal | None:
        """Of the revenue, to a tenth; None without revenue."""
        if not self.revenue_points:
            return None
        percent = Decimal(self.margin_points) * 100 / self.revenue_points
        return percent.quantize(Decimal("0.1"), ROUND_HALF_UP)


@dataclass(frozen=True)
class AccountLine:
    """An account of the pool and its last 24 hours. `mean_seconds` is of attempts that went well, slot to end."""

    account: Account
    in_use: int
    today: int
    ended: int
    succeeded: int
    mean_seconds: float | None
    money: Money

    @property
    def success_percent(self) -> Decimal | None:
        """Of all attempts that ended, to a tenth; None when none did."""
        if not self.ended:
            return None
        share = Decimal(self.succeeded) * 100 / self.ended
        return share.quantize(Decimal("0.1"), ROUND_HALF_UP)

    @property
    def is_well(self) -> bool:
        return self.account.status == Status.ACTIVE and not self.account.is_paused


def account_lines(*, found: Sequence[Outcome]) -> list[AccountLine]:
    """The pool's accounts, oldest first, with what `found` says of each."""
    return [_line(one, found) for one in byoa.pool_overview()]


def _line(seen: byoa.Overview, found: Sequence[Outcome]) -> AccountLine:
    mine = [one for one in found if one.account_id == seen.account.pk]
    well = [one for one in mine if one.state == "SUCCEEDED"]
    succeeded = sum(one.attempts for one in well)
    return AccountLine(
        account=seen.account,
        in_use=seen.in_use,
        today=seen.today,
        ended=sum(one.attempts for one in mine),
        succeeded=succeeded,
        mean_seconds=sum(one.seconds for one in well) / succeeded if succeeded else None,
        money=money(mine),
    )


def money(found: Sequence[Outcome]) -> Money:
    """What these came to together."""
    return Money(sum(one.cost_points for one in found), sum(one.revenue_points for one in found))


# ------------------------------------------------------------------------------------ all of it
@dataclass(frozen=True)
class Report:
    """One look at everything, as the operator's page shows it."""

    at: datetime
    accounts: Sequence[AccountLine]
    queues: Sequence[Queue]
    last_hour: Sequence[tuple[str, str, int]]
    deliveries: Deliveries
    expired_leases: int
    money: Money


def report() -> Report:
    """Read it now. `last_hour` is (provider, state, attempts); money is of the last 24 hours."""
    lately = outcomes(hours=24)
    return Report(
        at=_rows("SELECT statement_timestamp()")[0][0],
        accounts=account_lines(found=lately),
        queues=queues(),
        last_hour=_by_state(outcomes(hours=1)),
        deliveries=deliveries(),
        expired_leases=expired_leases(),
        money=money(lately),
    )


def _by_state(found: Sequence[Outcome]) -> list[tuple[str, str, int]]:
    counts: dict[tuple[str, str], int] = {}
    for one in found:
        key = (one.provider, one.state)
        counts[key] = counts.get(key, 0) + one.attempts
    return [(provider, state, number) for (provider, state), number in sorted(counts.items())]


# ------------------------------------------------------------------------------- what is amiss
_LATE_TASK_SECONDS = 60
_LATE_DELIVERY_SECONDS = 300
# Of a task that was turned down `wake_at` is later than its creation: what rests is not late.
_LATE_TASKS = """
SELECT family, count(*) FROM tasks_task
 WHERE status = 'pending' AND provider = '' AND deadline_at > statement_timestamp()
   AND wake_at <= statement_timestamp() - %s * interval '1 second'
 GROUP BY family ORDER BY family
"""


def late_tasks() -> dict[str, int]:
    """By family, the tasks that have waited for over a minute although there is room for one more of it now."""
    late = {row[0]: int(row[1]) for row in _rows(_LATE_TASKS, [_LATE_TASK_SECONDS])}
    return {family: late[family] for family in dispatch.with_room(list(late))} if late else {}


_LATE_DELIVERIES = """
SELECT count(*) FROM notifications_delivery
 WHERE state = 'WAITING' AND next_attempt_at <= statement_timestamp() - %s * interval '1 second'
"""


def late_deliveries() -> int:
    """Deliveries that have been due for over five minutes."""
    return int(_rows(_LATE_DELIVERIES, [_LATE_DELIVERY_SECONDS])[0][0])
