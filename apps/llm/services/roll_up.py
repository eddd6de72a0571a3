"""Summing calls by hour, model and key, and by day, in the order of their rows: each is counted once, none is missed.

A row's number is taken before its transaction commits, so a smaller number can appear after a larger one. Hence the
highest number is noted first, then who is writing at that moment, and rows are summed up to that number when all of
these have ended. Gateways write their rows in transactions of one statement, so that is usually at once.
"""

from django.db import connection, transaction

from apps.core import latency
from apps.llm.models.usage import End, UsageMark

# A few seconds' work, so that a first run over many rows is many short transactions.
_ROWS_AT_ONCE = 50_000

# A call counts in the hour of its first attempt, as failed until one of its attempts went well.
_COUNT = """
INSERT INTO llm_usagehour AS h (workspace_id, hour, model, api_key_id, calls, failed, input_tokens, output_tokens,
                                points, total_ms, first_ms)
SELECT u.workspace_id, date_trunc('hour', COALESCE(f.created_at, u.created_at), 'UTC') AS hour, u.model, u.api_key_id,
       count(*) FILTER (WHERE f.id IS NULL),
       count(*) FILTER (WHERE f.id IS NULL) - count(*) FILTER (WHERE u."end" = ANY(%(well)s)),
       sum(u.input_tokens), sum(u.output_tokens), sum(u.points), sum(u.total_ms),
       COALESCE(sum(u.first_ms) FILTER (WHERE u."end" = ANY(%(well)s)), 0)
  FROM llm_usage u
  LEFT JOIN llm_usage f ON u.number > 1 AND f.call = u.call AND f.number = 1
 WHERE u.id > %(first)s AND u.id <= %(last)s
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4
ON CONFLICT (workspace_id, hour, model, api_key_id) DO UPDATE
   SET calls = h.calls + EXCLUDED.calls, failed = h.failed + EXCLUDED.failed,
       input_tokens = h.input_tokens + EXCLUDED.input_tokens, output_tokens = h.output_tokens + EXCLUDED.output_tokens,
       points = h.points + EXCLUDED.points, total_ms = h.total_ms + EXCLUDED.total_ms,
       first_ms = h.first_ms + EXCLUDED.first_ms
"""
# A refusal ends its call at once, so a call has one such end at most.
_COUNT_DAYS = f"""
INSERT INTO llm_laneday AS d (day, calls, completed, by_customer, latency)
SELECT (COALESCE(f.created_at, u.created_at) AT TIME ZONE 'UTC')::date AS day,
       count(*) FILTER (WHERE f.id IS NULL), count(*) FILTER (WHERE u."end" = ANY(%(well)s)),
       count(*) FILTER (WHERE u."end" = ANY(%(by_customer)s)),
       {latency.counted_sql("COALESCE(u.first_ms, u.total_ms)", 'u."end" = ANY(%(well)s)')}
  FROM llm_usage u
  LEFT JOIN llm_usage f ON u.number > 1 AND f.call = u.call AND f.number = 1
 WHERE u.id > %(first)s AND u.id <= %(last)s AND u.service_mode = 'public'
 GROUP BY 1
 ORDER BY 1
ON CONFLICT (day) DO UPDATE
   SET calls = d.calls + EXCLUDED.calls, completed = d.completed + EXCLUDED.completed,
       by_customer = d.by_customer + EXCLUDED.by_customer,
       latency = {latency.added_sql("d.latency", "EXCLUDED.latency")}
"""  # noqa: S608 - no word of a customer's is in it
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
 WHERE locktype = 'relation' AND relation = 'llm_usage'::regclass AND mode = 'RowExclusiveLock' AND granted
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
"""
_HIGHEST = "SELECT COALESCE(max(id), 0) FROM llm_usage"
_FULL_PIECE = "SELECT id FROM llm_usage WHERE id > %s AND id <= %s ORDER BY id OFFSET %s LIMIT 1"
# What went as its caller wanted it to. Nobody can tell whether who left had enough, and it was no fault of ours.
_WENT_WELL = (End.COMPLETED, End.EMPTY, End.CLIENT_LEFT)
_BY_CUSTOMER = (End.OUT_OF_CREDITS, End.REFUSED)


def sum_up() -> int:
    """Sum all new rows that are certain to be complete; says how many. Safe to repeat, and twice at once."""
    total = 0
    while found := _sum_piece():
        total += found
    return total


@transaction.atomic
def _sum_piece() -> int:
    mark = _locked_mark()
    if mark is None:
        return 0
    if mark.next_to is None:
        _note(mark)
    count = 0
    if mark.next_to is not None and not set(mark.writers) & set(_writers()):
        count = _take(mark, mark.next_to)
    mark.save(update_fields=["counted_to", "next_to", "writers"])
    return count


def _locked_mark() -> UsageMark | None:
    """None: another process is at it."""
    UsageMark.objects.bulk_create([UsageMark(pk=1)], ignore_conflicts=True)
    return UsageMark.objects.select_for_update(skip_locked=True).filter(pk=1).first()


def _note(mark: UsageMark) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_HIGHEST)
        highest = int(cursor.fetchone()[0])
    if highest > mark.counted_to:
        # In this order: whoever took a smaller number by now is either in the list or has committed.
        mark.next_to, mark.writers = highest, _writers()


def _writers() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_WRITERS)
        return [row[0] for row in cursor.fetchall()]


def _take(mark: UsageMark, last: int) -> int:
    """Sum a piece of the rows up to the last; says how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FULL_PIECE, [mark.counted_to, last, _ROWS_AT_ONCE - 1])
        full_piece = cursor.fetchone()
        upto = last if full_piece is None else int(full_piece[0])
        bounds = {"first": mark.counted_to, "last": upto}
        cursor.execute(
            "SELECT count(*) FROM llm_usage WHERE id > %(first)s AND id <= %(last)s", bounds
        )
        count = int(cursor.fetchone()[0])
        ends = {"well": list(_WENT_WELL), "by_customer": list(_BY_CUSTOMER)}
        cursor.execute(_COUNT, {**bounds, "well": ends["well"]})
        cursor.execute(_COUNT_DAYS, {**bounds, **ends})
    mark.counted_to = upto
    if upto == last:
        mark.next_to, mark.writers = None, []
    return count
