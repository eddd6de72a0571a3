"""Summing ended work by day: for customers and the status page from the ledger, for the operator from the attempts.

Each task that ends has exactly one line in the ledger that settles its hold, written in the transaction that ends it.
So the ledger is the list of ended tasks, and the sums follow it line by line: each is counted once, however often a job
runs or dies, and nothing is added to the transaction that ends a task.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.tasks.models import UsageMark
from apps.tasks.services import family_days

# A few seconds' work, so that a first run over years of lines is many short transactions.
_LINES_AT_ONCE = 50_000
# Provider costs that come in late (a result after the task was given up) are seen when a day is summed again.
LATE_COST_DAYS = 7

# Captures are spending, releases are work that ended for free, refunds give back. A line that names no task of ours
# (a test's, another kind of work) still counts by its key.
_COUNT = """
INSERT INTO tasks_usageday AS d (workspace_id, day, model, task_type, service_mode, api_key_id, member_id,
                                 completed, failed, cancelled, charged_points, refunded_points, run_ms)
SELECT e.workspace_id, (e.created_at AT TIME ZONE 'UTC')::date AS day, COALESCE(t.model, '') AS model,
       COALESCE(t.task_type, '') AS task_type, COALESCE(t.service_mode, '') AS service_mode, k.id AS api_key_id,
       COALESCE(t.created_by_id, k.created_by_id) AS member_id,
       count(*) FILTER (WHERE e.kind = 'CAPTURE' AND t.status IS DISTINCT FROM 'failed'),
       count(*) FILTER (WHERE e.kind = 'RELEASE' AND t.status IS DISTINCT FROM 'cancelled'
                           OR e.kind = 'CAPTURE' AND t.status = 'failed'),
       count(*) FILTER (WHERE e.kind = 'RELEASE' AND t.status = 'cancelled'),
       COALESCE(sum(-(e.available_delta + e.held_delta)) FILTER (WHERE e.kind = 'CAPTURE'), 0),
       COALESCE(sum(e.available_delta - e.debt_delta) FILTER (WHERE e.kind = 'REFUND'), 0),
       COALESCE(sum(GREATEST(EXTRACT(EPOCH FROM t.ended_at - t.started_at) * 1000, 0))
                FILTER (WHERE e.kind <> 'REFUND'), 0)::bigint
  FROM billing_creditentry e
  LEFT JOIN tasks_task t ON t.workspace_id = e.workspace_id AND t.id =
            CASE WHEN e.reference ~ '^task:[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
                 THEN substr(e.reference, 6)::uuid END
  LEFT JOIN accounts_apikey k ON k.id = COALESCE(e.api_key_id, t.api_key_id)
 WHERE e.kind IN ('CAPTURE', 'RELEASE', 'REFUND') AND (e.kind = 'REFUND' OR e.reference NOT LIKE 'llm:%%') AND {lines}
 GROUP BY 1, 2, 3, 4, 5, 6, 7
 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
# A line of LLM calls is a block of them: its rows say which models they were, and come to the line's points.
_COUNT_CALLS = """
INSERT INTO tasks_usageday AS d (workspace_id, day, model, task_type, service_mode, api_key_id, member_id,
                                 completed, failed, cancelled, charged_points, refunded_points, run_ms)
SELECT e.workspace_id, (e.created_at AT TIME ZONE 'UTC')::date AS day, u.model, u.operation, 'llm', e.api_key_id,
       COALESCE(u.user_id, k.created_by_id) AS member_id,
       count(*) FILTER (WHERE u."end" IN ('completed', 'empty', 'client_left')),
       count(*) FILTER (WHERE u."end" NOT IN ('completed', 'empty', 'client_left')), 0,
       sum(u.points), 0, sum(u.total_ms)
  FROM billing_creditentry e
  JOIN llm_usage u ON u.block_id = CASE WHEN e.reference ~ '^llm:[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
                                        THEN substr(e.reference, 5)::uuid END
  LEFT JOIN accounts_apikey k ON k.id = e.api_key_id
 WHERE e.kind = 'CAPTURE' AND {lines}
 GROUP BY 1, 2, 3, 4, 5, 6, 7
 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
_ADD = """
ON CONFLICT (workspace_id, day, model, task_type, service_mode, api_key_id, member_id) DO UPDATE
   SET completed = d.completed + EXCLUDED.completed, failed = d.failed + EXCLUDED.failed,
       cancelled = d.cancelled + EXCLUDED.cancelled, charged_points = d.charged_points + EXCLUDED.charged_points,
       refunded_points = d.refunded_points + EXCLUDED.refunded_points, run_ms = d.run_ms + EXCLUDED.run_ms
"""
_NEW = "e.id > %s AND e.id <= %s"
_COUNTS = (_COUNT + _ADD, _COUNT_CALLS + _ADD, family_days.COUNT)
_COUNT_NEW = [count.format(lines=_NEW) for count in _COUNTS]
_OF_DAY = "e.created_at >= %s AND e.created_at < %s AND e.id <= %s"
_COUNT_DAY = [count.format(lines=_OF_DAY) for count in _COUNTS]


def count_new() -> bool:
    """Sum the ledger's new lines. Says whether some were summed and more can be at once.

    A line's number is taken before its transaction commits, so a smaller number can appear after a larger one. Hence
    two steps: remember the highest line, and sum up to it only when every transaction that was under way at that
    moment has ended. Whoever moves points locks the wallet first, and so has a transaction id before it takes a number.
    """
    highest = _highest_line()
    with transaction.atomic():
        mark = _locked_mark()
        if mark is None:
            return False
        has_more = False
        if mark.next_to is not None and _all_older_ended(mark.horizon):
            has_more = _take(mark, mark.next_to)
        if mark.next_to is None and highest > mark.counted_to:
            mark.next_to, mark.horizon = highest, _own_transaction()
        mark.save(update_fields=["counted_to", "next_to", "horizon"])
    return has_more


def count_all_new() -> None:
    """`count_new` until all that can be summed now is, or another process does it."""
    while count_new():
        pass


def _highest_line() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(id), 0) FROM billing_creditentry")
        return int(cursor.fetchone()[0])


def _locked_mark() -> UsageMark | None:
    """None: another process is at it."""
    UsageMark.objects.bulk_create([UsageMark(pk=1)], ignore_conflicts=True)
    return UsageMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()


def _own_transaction() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        return int(cursor.fetchone()[0])


def _all_older_ended(horizon: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint"
        )
        oldest_running, own = cursor.fetchone()
    # Where the database was restored into a new cluster its numbers began anew, and nothing old can be under way.
    return bool(oldest_running >= horizon or own < horizon)


_UPTO = """
SELECT id FROM billing_creditentry WHERE id > %s AND id <= %s ORDER BY id OFFSET %s LIMIT 1
"""


def _take(mark: UsageMark, last: int) -> bool:
    """Sum a piece of the lines up to the last. Says whether some are left."""
    with connection.cursor() as cursor:
        cursor.execute(_UPTO, [mark.counted_to, last, _LINES_AT_ONCE - 1])
        full_piece = cursor.fetchone()
        upto = last if full_piece is None else int(full_piece[0])
        for count in _COUNT_NEW:
            cursor.execute(count, [mark.counted_to, upto])
    mark.counted_to = upto
    mark.next_to = None if upto == last else last
    return upto < last


@transaction.atomic
def recount_day(*, day: date) -> None:
    """Sum a day anew from the ledger, as far as it is summed at all. Changes nothing that was right."""
    UsageMark.objects.bulk_create([UsageMark(pk=1)], ignore_conflicts=True)
    mark = UsageMark.objects.select_for_update().get(pk=1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("DELETE FROM tasks_usageday WHERE day = %s", [day])
        cursor.execute("DELETE FROM tasks_familyday WHERE day = %s", [day])
        for count in _COUNT_DAY:
            cursor.execute(count, [*_bounds(day), mark.counted_to])


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


_COSTS = """
INSERT INTO tasks_costday (day, provider, account_id, workspace_id, model, attempts, succeeded, cost_points,
                           price_points, run_ms)
SELECT %s, a.provider, a.account_id, t.workspace_id, t.model, count(*),
       count(*) FILTER (WHERE a.state = 'SUCCEEDED'), sum(a.cost_points), sum(a.price_points),
       sum(GREATEST(EXTRACT(EPOCH FROM a.ended_at - a.started_at) * 1000, 0))::bigint
  FROM tasks_attempt a JOIN tasks_task t ON t.id = a.task_id LEFT JOIN byoa_account c ON c.id = a.account_id
 WHERE a.ended_at >= %s AND a.ended_at < %s AND c.workspace_id IS NULL
 GROUP BY a.provider, a.account_id, t.workspace_id, t.model
"""


@transaction.atomic
def sum_costs(*, day: date) -> None:
    """Sum what the attempts that ended on a day (UTC) cost and brought, as they stand now. Safe to repeat.

    What ran on customers' own accounts is theirs to pay and not in it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        # Two at once would both insert.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tasks.sum_costs'))")
        cursor.execute("DELETE FROM tasks_costday WHERE day = %s", [day])
        cursor.execute(_COSTS, [day, *_bounds(day)])


def sum_costs_of(*, last: date, days: int) -> None:
    """`sum_costs` for so many days up to and including the last, oldest first."""
    for back in reversed(range(days)):
        sum_costs(day=last - timedelta(days=back))


@dataclass(frozen=True)
class Difference:
    """A workspace's day on which the sums are not the ledger's; each pair is (summed, ledger)."""

    workspace_id: int
    day: date
    points: tuple[int, int]
    ended: tuple[int, int]


_DIFFERENCES = """
WITH mark AS (SELECT COALESCE(max(counted_to), 0) AS line FROM tasks_usagemark), ledger AS (
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day,
           sum(CASE kind WHEN 'CAPTURE' THEN -(available_delta + held_delta)
                         WHEN 'REFUND' THEN debt_delta - available_delta ELSE 0 END) AS points,
           count(*) FILTER (WHERE kind <> 'REFUND' AND reference NOT LIKE 'llm:%%') AS ended
      FROM billing_creditentry, mark
     WHERE kind IN ('CAPTURE', 'RELEASE', 'REFUND') AND id <= mark.line AND created_at >= %(first)s
     GROUP BY 1, 2
), summed AS (
    SELECT workspace_id, day, sum(charged_points - refunded_points) AS points,
           sum(completed + failed + cancelled) FILTER (WHERE service_mode <> 'llm') AS ended
      FROM tasks_usageday WHERE day >= (%(first)s::timestamptz AT TIME ZONE 'UTC')::date GROUP BY 1, 2
)
SELECT workspace_id, day, COALESCE(summed.points, 0)::bigint, COALESCE(ledger.points, 0)::bigint,
       COALESCE(summed.ended, 0)::bigint, COALESCE(ledger.ended, 0)::bigint
  FROM summed FULL JOIN ledger USING (workspace_id, day)
 WHERE COALESCE(summed.points, 0) <> COALESCE(ledger.points, 0)
    OR COALESCE(summed.ended, 0) <> COALESCE(ledger.ended, 0)
 ORDER BY workspace_id, day
"""


def differences(*, first: date) -> Iterator[Difference]:
    """Days since then whose sums differ from the ledger lines that are summed. There should be none."""
    parameters: dict[str, Any] = {"first": _bounds(first)[0]}
    # One statement sees one moment: a job that sums meanwhile makes no difference.
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES, parameters)
        rows = cursor.fetchall()
    for workspace_id, day, points, ledger_points, ended, ledger_ended in rows:
        yield Difference(workspace_id, day, (points, ledger_points), (ended, ledger_ended))
