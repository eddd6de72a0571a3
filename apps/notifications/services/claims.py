"""The queue in the database: which lanes have something due, taking it, and writing down how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

# Of one walk. The rest of the lanes come with the next, which starts where this one ended.
_LANES_WALKED = 2_000
_LANES_FOUND = 600
# Longer than an attempt can take, so that no attempt is made twice while its first is still under way.
LEASE_SECONDS = 30


@dataclass(frozen=True, eq=False)
class Claimed:
    """A delivery that is ours until its lease ends. `age_seconds` and `now` (Unix time) are the database's.

    Of a `hook_id` URL and secret are those it has now; `is_withheld`: it is paused or deleted, so nothing is sent.
    """

    id: int
    claim: int
    workspace_id: int
    event_id: UUID
    lane: str
    endpoint: str
    secret: str = field(repr=False)  # sealed
    sealed_to: str
    dialect: str
    body: str = field(repr=False)
    attempts: int
    age_seconds: float
    now: float
    hook_id: UUID | None = None
    is_replay: bool = False
    is_withheld: bool = False


@dataclass(frozen=True)
class Outcome:
    """How an attempt went. While `state` is WAITING the event is sent again after `wait_seconds`.

    `answer` is JSON, and is kept of what goes to a hook.
    """

    id: int
    claim: int
    state: str
    wait_seconds: float
    status: int | None
    error: str
    ms: int
    answer: str = field(default="{}", repr=False)


@dataclass(frozen=True)
class Walk:
    """Lanes with something due, in the order of the index, and where the next walk goes on ("": at the start)."""

    lanes: list[str]
    goes_on_after: str


# A loose index scan: one step of the index per lane, however many rows wait in it.
_WALK = """
WITH RECURSIVE walk (lane, is_due, lanes, found) AS (
    (SELECT lane, next_attempt_at <= statement_timestamp(), 1, (next_attempt_at <= statement_timestamp())::int
       FROM notifications_delivery
      WHERE state = 'WAITING' AND lane > %(after)s
      ORDER BY lane, next_attempt_at LIMIT 1)
    UNION ALL
    SELECT step.lane, step.is_due, walk.lanes + 1, walk.found + step.is_due::int
      FROM walk, LATERAL (
        SELECT d.lane, d.next_attempt_at <= statement_timestamp() AS is_due
          FROM notifications_delivery d
         WHERE d.state = 'WAITING' AND d.lane > walk.lane
         ORDER BY d.lane, d.next_attempt_at LIMIT 1) step
     WHERE walk.lanes < %(walked)s AND walk.found < %(found)s
)
SELECT coalesce(array_agg(lane ORDER BY lanes) FILTER (WHERE is_due), '{}'),
       coalesce((array_agg(lane ORDER BY lanes DESC))[1], ''),
       coalesce(max(lanes), 0) >= %(walked)s OR coalesce(max(found), 0) >= %(found)s
  FROM walk
"""

# Materialised: as a plain join the planner may run the part with the locks more than once.
_TAKE = """
WITH picked AS MATERIALIZED (
    SELECT due.id, due.hook_id
      FROM unnest(%(lanes)s::text[], %(counts)s::int[]) AS share (lane, count), LATERAL (
        SELECT d.id, d.hook_id FROM notifications_delivery d
         WHERE d.state = 'WAITING' AND d.lane = share.lane AND d.next_attempt_at <= statement_timestamp()
         ORDER BY d.next_attempt_at LIMIT share.count
           FOR UPDATE SKIP LOCKED) due
)
UPDATE notifications_delivery d
   SET next_attempt_at = statement_timestamp() + %(lease)s * interval '1 second', claim = d.claim + 1
  FROM picked LEFT JOIN notifications_endpoint e ON e.id = picked.hook_id
 WHERE d.id = picked.id
RETURNING d.id, d.claim, d.workspace_id, d.event_id, d.lane, coalesce(e.url, d.endpoint),
          CASE WHEN e.id IS NULL THEN d.secret
               WHEN e.previous_until > statement_timestamp() THEN e.both_secrets ELSE e.secret END,
          coalesce('endpoint:' || e.id, d.sealed_to), d.dialect, d.body,
          d.attempts, extract(epoch FROM statement_timestamp() - d.occurred_at)::float8,
          extract(epoch FROM statement_timestamp())::float8,
          d.hook_id, d.is_replay,
          coalesce(e.state = 'DELETED' OR (e.state <> 'ACTIVE' AND NOT d.is_replay), false)
"""

_RECORD = """
UPDATE notifications_delivery d
   SET state = o.state,
       attempts = d.attempts + 1,
       next_attempt_at = CASE WHEN o.state = 'WAITING'
                              THEN statement_timestamp() + o.wait * interval '1 second' END,
       ended_at = CASE WHEN o.state <> 'WAITING' THEN statement_timestamp() END,
       log = d.log || jsonb_build_array(jsonb_build_object(
           'at', to_char((statement_timestamp() - o.ms * interval '1 millisecond') AT TIME ZONE 'UTC',
                         'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'status', o.status, 'error', o.error, 'ms', o.ms)),
       answers = CASE WHEN d.hook_id IS NULL THEN d.answers ELSE d.answers || jsonb_build_array(o.answer::jsonb) END
  FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::float8[], %s::int[], %s::text[], %s::int[], %s::text[])
       AS o (id, claim, state, wait, status, error, ms, answer)
 WHERE d.id = o.id AND d.claim = o.claim AND d.state = 'WAITING'
RETURNING d.id
"""


def walk(*, after: str) -> Walk:
    """The next lanes behind `after` that have something due. Costs the same however many rows wait in a lane."""
    with connection.cursor() as cursor:
        cursor.execute(_WALK, {"after": after, "walked": _LANES_WALKED, "found": _LANES_FOUND})
        lanes, last, has_more = cursor.fetchone()
    return Walk(lanes, last if has_more else "")


def take(*, shares: Mapping[str, int]) -> list[Claimed]:
    """Claim the longest due of each lane, at most so many of it. What another process is just claiming is passed by."""
    if not shares:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {"lanes": list(shares), "counts": list(shares.values()), "lease": LEASE_SECONDS},
        )
        return [Claimed(*row) for row in cursor.fetchall()]


def record(*, outcomes: Sequence[Outcome]) -> set[int]:
    """Write down how attempts went, and say for which rows: those whose claim is still the one that was made."""
    if not outcomes:
        return set()
    # In one order everywhere, so that no two processes wait for each other.
    columns = zip(*(_columns(o) for o in sorted(outcomes, key=lambda o: o.id)), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [list(column) for column in columns])
        return {row[0] for row in cursor.fetchall()}


def _columns(o: Outcome) -> tuple[int, int, str, float, int | None, str, int, str]:
    # psycopg takes no list of whole numbers and others; a batch has both.
    return o.id, o.claim, o.state, float(o.wait_seconds), o.status, o.error, o.ms, o.answer
