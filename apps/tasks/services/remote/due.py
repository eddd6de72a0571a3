"""Claiming attempts at providers on which something is to be done now."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db import connection

from apps.tasks.models import Attempt

# A claim without news for this long is another's. The pump renews the claims of what it is sending.
LEASE_SECONDS = 15

State = Attempt.State


@dataclass(frozen=True)
class Due:
    """An attempt that we hold, with what is needed of its task. `claims` proves the hold when we write.

    `seconds_left` of the task's time, `seconds_old` since the attempt was opened. `previews` and `last_preview`: how
    many pictures of the unfinished work were shown, and which was the last. `parent` is what the provider knows of the
    task that this one continues.
    """

    id: int
    state: str
    claims: int
    task_id: uuid.UUID
    number: int
    provider: str
    job: str
    account_id: int | None
    reference: str
    provider_id: str
    handle: dict[str, Any]
    sends: int
    polls: int
    seconds_left: float
    seconds_old: float
    workspace_id: int
    model: str
    task_type: str
    mode: str
    previews: int
    last_preview: str
    input: dict[str, Any]
    parent: dict[str, Any]


# `state` in what is returned says what is to be done: an expired SENDING is UNKNOWN from here on. The next look at
# accepted work is set here and not when its answer has come: most polls then write nothing else.
_CLAIM = """
WITH due AS (
    SELECT id FROM tasks_attempt
     WHERE {states} AND next_at <= statement_timestamp() AND id <> ALL(%(busy)s)
     ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE tasks_attempt a
   SET claims = a.claims + 1,
       state = CASE a.state WHEN 'ASSIGNED' THEN 'SENDING' WHEN 'SENDING' THEN 'UNKNOWN' ELSE a.state END,
       sends = a.sends + (a.state = 'ASSIGNED')::int,
       polls = a.polls + (a.state <> 'ASSIGNED')::int,
       next_at = statement_timestamp() + interval '1 second' * CASE a.state
           WHEN 'ACCEPTED' THEN COALESCE(
                (c.config ->> 'poll_seconds')::float,
                LEAST(GREATEST(0.2 * EXTRACT(EPOCH FROM statement_timestamp() - a.accepted_at), 1), 15)
                * CASE WHEN (c.config ->> 'callbacks')::boolean THEN 4 ELSE 1 END) * (0.9 + 0.2 * random())
           ELSE %(lease)s END
  FROM due, tasks_task t, tasks_attempt b LEFT JOIN byoa_account c ON c.id = b.account_id
 WHERE a.id = due.id AND b.id = a.id AND t.id = a.task_id
RETURNING a.id, a.state, a.claims, a.task_id, a.number, a.provider, a.job, a.account_id, a.reference, a.provider_id,
          a.handle, a.sends, a.polls,
          EXTRACT(EPOCH FROM t.deadline_at - statement_timestamp())::float,
          EXTRACT(EPOCH FROM statement_timestamp() - a.started_at)::float,
          t.workspace_id, t.model, t.task_type, a.mode, a.previews, a.last_preview,
          CASE WHEN a.state IN ('SENDING', 'UNKNOWN') THEN t.input ELSE '{{}}'::jsonb END,
          COALESCE((SELECT p.facts || jsonb_build_object('id', p.provider_id) FROM tasks_attempt p
                     WHERE p.task_id = t.parent_id AND p.state = 'SUCCEEDED' LIMIT 1), '{{}}'::jsonb)
"""
_TO_SEND = _CLAIM.format(states="state = 'ASSIGNED'")
_TO_FOLLOW = _CLAIM.format(states="state IN ('SENDING', 'UNKNOWN', 'ACCEPTED', 'ABANDONED')")


def to_send(*, limit: int, busy: Collection[int]) -> list[Due]:
    """New attempts; from here on they count as being sent."""
    return _claimed(_TO_SEND, limit, busy)


def to_follow(*, limit: int, busy: Collection[int]) -> list[Due]:
    """Attempts to look up, poll or stop. Those in `busy` are left: this process is at them."""
    return _claimed(_TO_FOLLOW, limit, busy)


def _claimed(sql: str, limit: int, busy: Collection[int]) -> list[Due]:
    if limit <= 0:
        return []
    parameters: dict[str, Any] = {"limit": limit, "busy": list(busy), "lease": LEASE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [_due(row) for row in cursor.fetchall()]


def _due(row: Sequence[Any]) -> Due:
    found = Due(*row)
    # Django leaves JSON of its own statements to its fields.
    handle, sent, parent = orjson.loads(row[10]), orjson.loads(row[-2]), orjson.loads(row[-1])
    return replace(found, handle=handle, input=sent, parent=parent)


# Of a quick poll the next one is set; to renew its claim would put that off.
_RENEW = """
WITH locked AS MATERIALIZED (
    SELECT id FROM tasks_attempt
     WHERE id = ANY(%s)
       AND (state IN ('SENDING', 'UNKNOWN') OR state = 'ACCEPTED' AND next_at <= statement_timestamp())
     ORDER BY id FOR NO KEY UPDATE
)
UPDATE tasks_attempt a SET next_at = statement_timestamp() + %s * interval '1 second'
  FROM locked WHERE a.id = locked.id AND a.state IN ('SENDING', 'UNKNOWN', 'ACCEPTED')
"""


def renew(attempt_ids: Collection[int]) -> None:
    """Keep the claims of what is being sent: synchronous providers answer after minutes."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [list(attempt_ids), LEASE_SECONDS])


def seconds_to_next() -> float | None:
    """How long until something is due (0 or less: now); None when nothing is open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM LEAST("
            "  (SELECT min(next_at) FROM tasks_attempt WHERE state = 'ASSIGNED'),"
            "  (SELECT min(next_at) FROM tasks_attempt WHERE next_at IS NOT NULL"
            "    AND state IN ('SENDING', 'UNKNOWN', 'ACCEPTED', 'ABANDONED'))"
            ") - clock_timestamp())::float"
        )
        found: float | None = cursor.fetchone()[0]
        return found
