# ruff: noqa: S608 - put together from words of this file; what varies is a parameter
"""The statements that sum ended work into `UsageSlice`: where it comes from, and how it is added up.

Each source is a list of `events`: one line for each thing to add, with `sign` −1 to take an earlier one back.
"""

from typing import Any

import orjson

from apps.llm.models import End
from apps.tasks.models import FailureCode, Outcome
from apps.tasks.selectors.histogram import BOUNDS_MS

_OF_CODE = {
    FailureCode.PROVIDER_FAILED: Outcome.PROVIDER_FAILED,
    FailureCode.PROVIDER_TIMEOUT: Outcome.TIMED_OUT,
    FailureCode.PROVIDER_MODERATED: Outcome.REFUSED,
    FailureCode.ACCOUNT_UNAVAILABLE: Outcome.NO_ACCOUNT,
    FailureCode.OUTPUT_UNAVAILABLE: Outcome.PROVIDER_FAILED,
}
# What its caller left went as its caller wanted it to.
_OF_END = {
    End.COMPLETED: Outcome.COMPLETED,
    End.EMPTY: Outcome.COMPLETED,
    End.CLIENT_LEFT: Outcome.COMPLETED,
    End.OUT_OF_CREDITS: Outcome.OUT_OF_CREDITS,
    End.UPSTREAM_CUT: Outcome.PROVIDER_FAILED,
    End.TIMED_OUT: Outcome.TIMED_OUT,
    End.REFUSED: Outcome.REFUSED,
    End.FAILED: Outcome.PROVIDER_FAILED,
}
FACTS: dict[str, Any] = {
    "codes": orjson.dumps({str(one.value): two.value for one, two in _OF_CODE.items()}).decode(),
    "ends": orjson.dumps({one.value: two.value for one, two in _OF_END.items()}).decode(),
    "ours": Outcome.OUR_FAULT.value,
    "bounds": list(BOUNDS_MS),
}

# The ledger's lines, as `roll_up` reads them. Lines of calls' blocks are left out: calls are counted by themselves.
LEDGER = """
SELECT e.workspace_id, e.created_at AS at, COALESCE(t.model, '') AS model, COALESCE(k.id, 0) AS key,
       COALESCE(t.created_by_id, k.created_by_id, 0)::bigint AS member,
       COALESCE(NULLIF(t.service_mode, ''), 'public') AS pool, false AS is_call, 1 AS sign,
       CASE WHEN e.kind = 'REFUND' THEN NULL
            WHEN e.kind = 'RELEASE' AND t.status = 'cancelled' THEN 'cancelled'
            WHEN e.kind = 'RELEASE' OR t.status = 'failed'
            THEN COALESCE(%(codes)s::jsonb ->> t.error_code::text, %(ours)s)
            ELSE 'completed' END AS outcome,
       CASE WHEN e.kind = 'CAPTURE' THEN -(e.available_delta + e.held_delta) ELSE 0 END AS charged,
       CASE WHEN e.kind = 'REFUND' THEN e.available_delta - e.debt_delta ELSE 0 END AS refunded,
       0::bigint AS tokens_in, 0::bigint AS tokens_out,
       CASE WHEN e.kind = 'CAPTURE' AND t.status = 'completed' THEN t.started_at - t.created_at END AS queued,
       CASE WHEN e.kind = 'CAPTURE' AND t.status = 'completed' THEN t.ended_at - t.created_at END AS took,
       NULL::interval AS first
  FROM billing_creditentry e
  LEFT JOIN tasks_task t ON t.workspace_id = e.workspace_id AND t.id =
            CASE WHEN e.reference ~ '^task:[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
                 THEN substr(e.reference, 6)::uuid END
  LEFT JOIN accounts_apikey k ON k.id = COALESCE(e.api_key_id, t.api_key_id)
 WHERE e.kind IN ('CAPTURE', 'RELEASE', 'REFUND') AND (e.kind = 'REFUND' OR e.reference NOT LIKE 'llm:%%') AND {lines}
"""
_CALL = """
       {u}.workspace_id, {u}.created_at AS at, {u}.model, COALESCE({u}.api_key_id, 0) AS key,
       COALESCE({u}.user_id, k.created_by_id, 0)::bigint AS member, {u}.service_mode AS pool, true AS is_call
"""
_OUTCOME = """COALESCE(%(ends)s::jsonb ->> {u}."end", %(ours)s)"""
_WELL = f"CASE WHEN {_OUTCOME} = 'completed' THEN {{u}}.{{ms}} * interval '1 ms' END"


def _attempt(u: str, *, sign: int, uses: bool) -> str:
    """An attempt as an event. What it used counts with itself only, how it ended until a later one takes its place."""
    used = f"{u}.points, 0::bigint, {u}.input_tokens, {u}.output_tokens" if uses else "0, 0, 0, 0"
    return (
        f"SELECT {_CALL.format(u=u)}, {sign}, {_OUTCOME.format(u=u)}, {used}, NULL::interval,"
        f" {_WELL.format(u=u, ms='total_ms')}, {_WELL.format(u=u, ms='first_ms')}"
    )


_KEY = "LEFT JOIN accounts_apikey k ON k.id = u.api_key_id"
# A call counts as its last attempt ended, where and when that ran. Attempts may be written in another order than they
# were made: the one that counts is the one with the highest number so far, so each takes the place of a lower one that
# was written before it, and counts for nothing itself when a higher one was.
_BEFORE = """
LEFT JOIN LATERAL (SELECT o.* FROM llm_usage o WHERE o.call = u.call AND o.id < u.id
                    ORDER BY o.number DESC, o.id LIMIT 1) p ON true
"""
_SPENT = f"""SELECT {_CALL.format(u="u")}, 1, NULL, u.points, 0::bigint, u.input_tokens, u.output_tokens,
       NULL::interval, NULL::interval, NULL::interval"""
CALLS = f"""
{_attempt("u", sign=1, uses=True)} FROM llm_usage u {_KEY} {_BEFORE}
 WHERE {{rows}} AND (p.id IS NULL OR p.number < u.number)
UNION ALL
{_SPENT} FROM llm_usage u {_KEY} {_BEFORE} WHERE {{rows}} AND p.number >= u.number
UNION ALL
{_attempt("p", sign=-1, uses=False)} FROM llm_usage u {_KEY} {_BEFORE} WHERE {{rows}} AND p.number < u.number
"""
# The same seen from the end, for counting anew: of each call, the attempt that stands.
_STANDS = """NOT EXISTS (SELECT 1 FROM llm_usage o WHERE o.call = u.call AND o.id <= %(last)s
                            AND (o.number > u.number OR o.number = u.number AND o.id < u.id))"""
CALLS_AS_THEY_STAND = f"""
{_attempt("u", sign=1, uses=True)} FROM llm_usage u {_KEY} WHERE {{rows}} AND {_STANDS}
UNION ALL
{_SPENT} FROM llm_usage u {_KEY} WHERE {{rows}} AND NOT {_STANDS}
"""

_DIMENSIONS = "workspace_id, is_day, starts_at, model, key, member, pool, is_call"
_COLUMNS = (
    "(workspace_id, at, model, key, member, pool, is_call, sign, outcome, charged, refunded, tokens_in, tokens_out,"
    " queued, took, first)"
)
_ENDS = ", ".join(one.value for one in Outcome)
_COUNTED = ", ".join(
    f"COALESCE(sum(sign) FILTER (WHERE outcome = '{one.value}'), 0) AS {one.value}"
    for one in Outcome
)
_USED = "charged_points, refunded_points, tokens_in, tokens_out"
_MEASURES = ("queue", "total", "first")


def _bins(measure: str) -> str:
    return (
        f"COALESCE(array_agg(bin ORDER BY bin) FILTER (WHERE measure = '{measure}'), '{{}}') AS {measure}_bins,"
        f" COALESCE(array_agg(n ORDER BY bin) FILTER (WHERE measure = '{measure}'), '{{}}') AS {measure}_counts"
    )


def _added(measure: str) -> str:
    pairs = " UNION ALL ".join(
        f"SELECT * FROM unnest({row}.{measure}_bins, {row}.{measure}_counts)"
        for row in ("s", "EXCLUDED")
    )
    return (
        f"({measure}_bins, {measure}_counts) ="
        " (SELECT COALESCE(array_agg(bin ORDER BY bin), '{}'), COALESCE(array_agg(n ORDER BY bin), '{}')"
        f" FROM (SELECT bin, sum(n)::int AS n FROM ({pairs}) AS both_of (bin, n) GROUP BY bin"
        " HAVING sum(n) <> 0) AS together)"
    )


_ARRAYS = ", ".join(f"{measure}_bins, {measure}_counts" for measure in _MEASURES)
_ADD = ", ".join(f"{name} = s.{name} + EXCLUDED.{name}" for name in f"{_ENDS}, {_USED}".split(", "))


def sum_of(events: str) -> str:
    """The statement that adds events to the slices they belong to, the day and, unless it is long over, the quarter."""
    return f"""
WITH events {_COLUMNS} AS MATERIALIZED ({events}), placed AS (
    SELECT *, false AS is_day, date_bin('15 minutes', at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS starts_at FROM events
     WHERE at >= now() - interval '91 days'
    UNION ALL
    SELECT *, true, date_trunc('day', at, 'UTC') FROM events
), summed AS (
    SELECT {_DIMENSIONS}, {_COUNTED}, sum(charged) AS charged_points, sum(refunded) AS refunded_points,
           sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out
      FROM placed GROUP BY {_DIMENSIONS}
), binned AS (
    SELECT {_DIMENSIONS}, measure, bin, sum(sign)::int AS n
      FROM (SELECT {_DIMENSIONS}, sign, measure,
                   width_bucket(EXTRACT(EPOCH FROM span) * 1000, %(bounds)s::numeric[])::smallint AS bin
              FROM placed, LATERAL (VALUES ('queue', queued), ('total', took), ('first', first)) AS v (measure, span)
             WHERE span IS NOT NULL) AS spans
     GROUP BY {_DIMENSIONS}, measure, bin HAVING sum(sign) <> 0
), histograms AS (
    SELECT {_DIMENSIONS}, {", ".join(map(_bins, _MEASURES))} FROM binned GROUP BY {_DIMENSIONS}
)
INSERT INTO tasks_usageslice AS s ({_DIMENSIONS}, {_ENDS}, {_USED}, {_ARRAYS})
SELECT {_DIMENSIONS}, {_ENDS}, {_USED},
       {", ".join(f"COALESCE({name}, '{{}}')" for name in _ARRAYS.split(", "))}
  FROM summed LEFT JOIN histograms USING ({_DIMENSIONS}) ORDER BY {_DIMENSIONS}
ON CONFLICT ({_DIMENSIONS}) DO UPDATE SET {_ADD}, {", ".join(map(_added, _MEASURES))}
"""
