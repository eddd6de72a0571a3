"""What work cost the operator next to what customers paid for it, by model, account or workspace, from daily sums.

Revenue by model and by workspace is what was charged less what was refunded. By account it is what the customers paid
for the attempts that made a result there; refunds are about tasks and not in it. What runs on customers' own accounts
is theirs to pay and counts nowhere here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from django.db import connection

from apps.ops.pool_report import Money

By = Literal["model", "account", "workspace"]
BY: tuple[By, ...] = get_args(By)


@dataclass(frozen=True)
class Line:
    """`attempts` are those that ended; `succeeded` made a result."""

    name: str
    attempts: int
    succeeded: int
    money: Money


@dataclass(frozen=True)
class Report:
    """Days from `first` to `last` (UTC, both included); who brought most comes first."""

    by: By
    first: date
    last: date
    lines: Sequence[Line]
    total: Line


# Refunds and charges may come on days without attempts, and the other way round: hence the full joins.
_BY_MODEL = """
WITH cost AS (
    SELECT model AS subject, sum(attempts) AS attempts, sum(succeeded) AS succeeded, sum(cost_points) AS cost
      FROM tasks_costday WHERE day BETWEEN %s AND %s GROUP BY 1
), revenue AS (
    SELECT model AS subject, sum(charged_points - refunded_points) AS points
      FROM tasks_usageday WHERE day BETWEEN %s AND %s GROUP BY 1
)
SELECT COALESCE(NULLIF(subject, ''), 'no model'), COALESCE(attempts, 0)::bigint, COALESCE(succeeded, 0)::bigint,
       COALESCE(cost, 0)::bigint, COALESCE(points, 0)::bigint
  FROM cost FULL JOIN revenue USING (subject)
"""
_BY_WORKSPACE = """
WITH cost AS (
    SELECT workspace_id, sum(attempts) AS attempts, sum(succeeded) AS succeeded, sum(cost_points) AS cost
      FROM tasks_costday WHERE day BETWEEN %s AND %s GROUP BY 1
), revenue AS (
    SELECT workspace_id, sum(charged_points - refunded_points) AS points
      FROM tasks_usageday WHERE day BETWEEN %s AND %s GROUP BY 1
)
SELECT w.slug, COALESCE(attempts, 0)::bigint, COALESCE(succeeded, 0)::bigint,
       COALESCE(cost, 0)::bigint, COALESCE(points, 0)::bigint
  FROM cost FULL JOIN revenue USING (workspace_id) JOIN accounts_workspace w ON w.id = workspace_id
"""
_BY_ACCOUNT = """
SELECT CASE WHEN c.account_id IS NULL THEN c.provider
            ELSE COALESCE(a.label, 'removed account #' || c.account_id) || ' (' || c.provider || ')' END,
       sum(c.attempts)::bigint, sum(c.succeeded)::bigint, sum(c.cost_points)::bigint, sum(c.price_points)::bigint
  FROM tasks_costday c LEFT JOIN byoa_account a ON a.id = c.account_id
 WHERE c.day BETWEEN %s AND %s GROUP BY c.account_id, c.provider, a.label
"""


def report(*, by: By, first: date, last: date) -> Report:
    """Reads daily sums only. Costs are up to ten minutes old, revenue about one."""
    statements = {"model": _BY_MODEL, "workspace": _BY_WORKSPACE, "account": _BY_ACCOUNT}
    spans = 1 if by == "account" else 2
    rows = _rows(statements[by], [first, last] * spans)
    lines = [Line(row[0], row[1], row[2], Money(row[3], row[4])) for row in rows]
    lines.sort(key=lambda line: (-line.money.revenue_points, line.name))
    total = Line(
        "All",
        sum(line.attempts for line in lines),
        sum(line.succeeded for line in lines),
        Money(
            sum(line.money.cost_points for line in lines),
            sum(line.money.revenue_points for line in lines),
        ),
    )
    return Report(by, first, last, lines, total)


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def last_days(*, days: int) -> tuple[date, date]:
    """So many UTC days up to today."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=days - 1), today
