"""SQL that sums lines of the ledger into `FamilyDay`; `roll_up` runs it with its own, under its mark."""

from apps.core import latency
from apps.tasks.models import FailureCode

# Failures that are ours or a provider's. Moderation and cancelling are the customer's.
_OURS = (
    FailureCode.PROVIDER_FAILED,
    FailureCode.PROVIDER_TIMEOUT,
    FailureCode.ACCOUNT_UNAVAILABLE,
    FailureCode.OUTPUT_UNAVAILABLE,
    FailureCode.INTERNAL_ERROR,
)
# Of these it may be the customer's own deadline that was too short.
_LATE = (FailureCode.PROVIDER_TIMEOUT, FailureCode.ACCOUNT_UNAVAILABLE)


def _codes(codes: tuple[FailureCode, ...]) -> str:
    return ", ".join(str(code.value) for code in codes)


_WELL = "t.status = 'completed'"
_FAILED = f"""t.status = 'failed' AND t.error_code IN ({_codes(_OURS)})
              AND NOT (t.deadline_seconds IS NOT NULL AND t.error_code IN ({_codes(_LATE)}))
              AND NOT COALESCE((a.facts ->> 'is_inputs_fault')::bool, false)"""
_RAN_MS = (
    "GREATEST(EXTRACT(EPOCH FROM t.ended_at - COALESCE(t.started_at, t.created_at)) * 1000, 0)"
)

# `{lines}` says which lines of the ledger, as `e`. All but our own names is filled in here.
COUNT = f"""
INSERT INTO tasks_familyday AS d (family, day, completed, failed, latency)
SELECT t.family, (e.created_at AT TIME ZONE 'UTC')::date AS day,
       count(*) FILTER (WHERE {_WELL}), count(*) FILTER (WHERE {_FAILED}),
       {latency.counted_sql(_RAN_MS, _WELL)}
  FROM billing_creditentry e
  JOIN tasks_task t ON t.workspace_id = e.workspace_id AND t.id =
       CASE WHEN e.reference ~ '^task:[0-9a-f]{{{{8}}}}(-[0-9a-f]{{{{4}}}}){{{{3}}}}-[0-9a-f]{{{{12}}}}$'
            THEN substr(e.reference, 6)::uuid END
  LEFT JOIN tasks_attempt a ON a.task_id = t.id AND a.number = t.attempt
 WHERE e.kind IN ('CAPTURE', 'RELEASE') AND t.service_mode = 'public' AND {{lines}}
 GROUP BY 1, 2
 ORDER BY 1, 2
ON CONFLICT (day, family) DO UPDATE
   SET completed = d.completed + EXCLUDED.completed, failed = d.failed + EXCLUDED.failed,
       latency = {latency.added_sql("d.latency", "EXCLUDED.latency")}
"""  # noqa: S608 - no word of a customer's is in it
