"""Summing what each account did by the hour, for its data report."""

from django.db import connection

# Short, because pages want news within a minute; the night's run finds what a worker that was away has missed.
RECENT_HOURS = 2
# What is older is shown no more.
DAYS = 400

# The whole hours are counted anew each time: safe to repeat, and an attempt that ended late is in. What went wrong is
# the task's own code where this attempt ended it; else the account did not take the work.
_SUM = """
INSERT INTO tasks_accounthour AS h (account_id, hour, attempts, succeeded, run_ms, fast_ms, errors)
SELECT account_id, hour, sum(n), sum(well), sum(run_ms), sum(fast_ms),
       COALESCE(jsonb_object_agg(error, n) FILTER (WHERE error <> ''), '{}'::jsonb)
  FROM (
    SELECT a.account_id, date_trunc('hour', a.ended_at, 'UTC') AS hour, e.error, count(*)::int AS n,
           count(*) FILTER (WHERE a.state = 'SUCCEEDED')::int AS well,
           COALESCE(sum(r.ms) FILTER (WHERE a.state = 'SUCCEEDED'), 0)::bigint AS run_ms,
           COALESCE(sum(r.ms) FILTER (WHERE a.state = 'SUCCEEDED' AND a.mode IN ('fast', 'turbo')),
                    0)::bigint AS fast_ms
      FROM tasks_attempt a JOIN tasks_task t ON t.id = a.task_id JOIN byoa_account c ON c.id = a.account_id
     CROSS JOIN LATERAL (SELECT EXTRACT(EPOCH FROM a.ended_at - COALESCE(a.accepted_at, a.started_at)) * 1000 AS ms) r
     CROSS JOIN LATERAL (SELECT CASE
               WHEN a.state = 'SUCCEEDED' THEN '' WHEN a.state = 'LATE' THEN 'late'
               WHEN a.state = 'ABANDONED' THEN 'timeout'
               WHEN t.attempt <> a.number OR t.error_code = 0 THEN 'turned_down'
               WHEN t.error_code = 11001 THEN 'timeout' WHEN t.error_code = 11002 THEN 'moderated'
               WHEN t.error_code = 11005 THEN 'output_unavailable' ELSE 'failed' END AS error) e
     WHERE a.ended_at >= date_trunc('hour', statement_timestamp(), 'UTC') - %s * interval '1 hour'
       AND a.state IN ('SUCCEEDED', 'FAILED', 'ABANDONED', 'LATE')
     GROUP BY 1, 2, 3) kinds
 GROUP BY account_id, hour ORDER BY account_id, hour
ON CONFLICT (account_id, hour) DO UPDATE
   SET attempts = EXCLUDED.attempts, succeeded = EXCLUDED.succeeded, run_ms = EXCLUDED.run_ms,
       fast_ms = EXCLUDED.fast_ms, errors = EXCLUDED.errors
"""
_FORGET = "DELETE FROM tasks_accounthour WHERE hour < statement_timestamp() - %s * interval '1 day'"


def sum_up(*, hours: int) -> None:
    """Count the attempts that ended in so many past hours and the present one. Safe to repeat, also at once."""
    with connection.cursor() as cursor:
        cursor.execute(_SUM, [hours])
        cursor.execute(_FORGET, [DAYS])
