"""Summing ended tasks and calls by quarter of an hour and by day, with their times, for the usage page.

Tasks, and all that moves points, come from the ledger line by line and count when their line was written: each task
that ends has one that settles its hold, a refund has its own. Calls come from the attempts and count as and when their
last one ended. Both sources are read in the order of their ids, up to where `roll_up` (for calls, llm's) has found that
no smaller id can appear any more. How far is noted in the transaction that sums, so each row is counted once, whatever
dies in between.

Charges that are taken back from calls whose gateway died (llm's `taking_back`) are mended by `recount_day`, by night.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from django.db import connection, transaction

from apps.llm.models import UsageMark as CallMark
from apps.tasks.models import SliceMark, UsageMark, UsageSlice
from apps.tasks.services import slice_sql

Source = Literal["ledger", "calls"]
QUARTERS_KEPT = timedelta(days=90)
# A few seconds' work, so that a first run over years of rows is many short transactions.
_ROWS_AT_ONCE = 20_000
_TABLES: dict[Source, str] = {"ledger": "billing_creditentry", "calls": "llm_usage"}
_SUM_NEW: dict[Source, str] = {
    "ledger": slice_sql.sum_of(
        slice_sql.LEDGER.format(lines="e.id > %(first)s AND e.id <= %(last)s")
    ),
    "calls": slice_sql.sum_of(slice_sql.CALLS.format(rows="u.id > %(first)s AND u.id <= %(last)s")),
}
_OF_DAY = "{0}.created_at >= %(start)s AND {0}.created_at < %(end)s AND {0}.id <= %(last)s"
_SUM_DAY: dict[Source, str] = {
    "ledger": slice_sql.sum_of(slice_sql.LEDGER.format(lines=_OF_DAY.format("e"))),
    "calls": slice_sql.sum_of(slice_sql.CALLS_AS_THEY_STAND.format(rows=_OF_DAY.format("u"))),
}


def count_all_new() -> int:
    """Sum all that is certain to be complete; says how many rows. Safe to repeat, and twice at once."""
    total = 0
    for source in _TABLES:
        while found := _count_piece(source):
            total += found
    return total


@transaction.atomic
def _count_piece(source: Source) -> int:
    """Says how many ids it went on; 0 also while another process is at it."""
    _make_marks()
    mark = SliceMark.objects.select_for_update(skip_locked=True).filter(source=source).first()
    if mark is None:
        return 0
    last = _upto(source, mark.counted_to)
    if last <= mark.counted_to:
        return 0
    _execute(_SUM_NEW[source], first=mark.counted_to, last=last)
    passed, mark.counted_to = last - mark.counted_to, last
    mark.save(update_fields=["counted_to"])
    return passed


def _make_marks() -> None:
    SliceMark.objects.bulk_create(
        [SliceMark(source=source) for source in _TABLES], ignore_conflicts=True
    )


def _upto(source: Source, counted_to: int) -> int:
    """The end of the next piece: what others have summed is complete, so no transaction needs to be waited for here."""
    marks: dict[Source, Callable[[], int | None]] = {
        "ledger": lambda: UsageMark.objects.values_list("counted_to", flat=True).first(),
        "calls": lambda: CallMark.objects.values_list("counted_to", flat=True).first(),
    }
    complete_to = marks[source]() or 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {_TABLES[source]} WHERE id > %s AND id <= %s ORDER BY id OFFSET %s LIMIT 1",  # noqa: S608
            [counted_to, complete_to, _ROWS_AT_ONCE - 1],
        )
        full_piece = cursor.fetchone()
    return complete_to if full_piece is None else int(full_piece[0])


def _execute(statement: str, **bounds: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**slice_sql.FACTS, **bounds})


@transaction.atomic
def recount_day(*, day: date) -> None:
    """Sum a day (UTC) anew, as far as it is summed at all. Changes nothing that was right."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = start + timedelta(days=1)
    _make_marks()
    marks = {mark.source: mark for mark in SliceMark.objects.select_for_update().order_by("source")}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    UsageSlice.objects.across_workspaces().filter(starts_at__gte=start, starts_at__lt=end).delete()
    for source, statement in _SUM_DAY.items():
        _execute(statement, start=start, end=end, last=marks[source].counted_to)


def forget(*, now: datetime) -> int:
    """Delete quarters that have had their days: whole UTC days of them. Says how many."""
    before = (
        (now - QUARTERS_KEPT).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    rows = UsageSlice.objects.across_workspaces().filter(is_day=False, starts_at__lt=before)
    return rows.delete()[0]


@dataclass(frozen=True)
class Difference:
    """A workspace's day whose slices differ from what they were summed from; each pair is (slices, source)."""

    workspace_id: int
    day: date
    points: tuple[int, int]
    ended: tuple[int, int]


_DIFFERENCES = """
WITH marks AS (
    SELECT COALESCE(max(counted_to) FILTER (WHERE source = 'ledger'), 0) AS ledger,
           COALESCE(max(counted_to) FILTER (WHERE source = 'calls'), 0) AS calls FROM tasks_slicemark
), rows AS (
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day,
           CASE kind WHEN 'CAPTURE' THEN -(available_delta + held_delta)
                     WHEN 'REFUND' THEN debt_delta - available_delta ELSE 0 END AS points,
           (kind <> 'REFUND')::int AS ended
      FROM billing_creditentry, marks
     WHERE kind IN ('CAPTURE', 'RELEASE', 'REFUND') AND (kind = 'REFUND' OR reference NOT LIKE 'llm:%%')
       AND id <= marks.ledger AND created_at >= %(first)s
    UNION ALL
    SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date, points,
           (row_number() OVER (PARTITION BY call ORDER BY number DESC, id) = 1)::int
      FROM llm_usage, marks WHERE id <= marks.calls AND created_at >= %(first)s
), source AS (
    SELECT workspace_id, day, sum(points) AS points, sum(ended) AS ended FROM rows GROUP BY 1, 2
), summed AS (
    SELECT workspace_id, (starts_at AT TIME ZONE 'UTC')::date AS day, sum(charged_points - refunded_points) AS points,
           sum(completed + cancelled + refused + timed_out + provider_failed + no_account + out_of_credits + our_fault)
               AS ended
      FROM tasks_usageslice WHERE is_day AND starts_at >= %(first)s GROUP BY 1, 2
)
SELECT workspace_id, day, COALESCE(summed.points, 0)::bigint, COALESCE(source.points, 0)::bigint,
       COALESCE(summed.ended, 0)::bigint, COALESCE(source.ended, 0)::bigint
  FROM summed FULL JOIN source USING (workspace_id, day)
 WHERE COALESCE(summed.points, 0) <> COALESCE(source.points, 0)
    OR COALESCE(summed.ended, 0) <> COALESCE(source.ended, 0)
 ORDER BY workspace_id, day
"""


def differences(*, first: date) -> Iterator[Difference]:
    """Days (UTC) since then whose slices are not what was counted into them. There should be none."""
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    # One statement sees one moment: a job that sums meanwhile makes no difference.
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES, {"first": start})
        rows = cursor.fetchall()
    for workspace_id, day, points, source_points, ended, source_ended in rows:
        yield Difference(workspace_id, day, (points, source_points), (ended, source_ended))
