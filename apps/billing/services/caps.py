"""Spend caps of API keys, members and workspaces, exact under concurrency: a cap is a row that counts, not a sum that
is read.

Rows are locked in one order everywhere (`scope`, `subject_id`, `period`, as bytes), before the load of a family and
before the wallet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.accounts.selectors import Identity
from apps.billing.models import CapSpend
from apps.billing.policies import Caps, Counter, counters
from apps.core.errors import DomainError
from apps.core.money import format_usd
from apps.core.sentences import Sentence, sentence

Scope = CapSpend.Scope


class SpendLimitReached(DomainError):
    """A cap of the key, the person or the workspace would be passed; nothing was created or moved."""

    type = "spend_limit_reached"


# Adds to all rows or, when one of them is missing, to none. The order of the locks is that of `_GIVE_BACK`.
_COUNT = """
WITH wanted AS (
    SELECT * FROM unnest(%(scopes)s::text[], %(subjects)s::bigint[], %(periods)s::text[])
                  AS w (scope, subject_id, period)
), found AS MATERIALIZED (
    SELECT s.id FROM billing_capspend s JOIN wanted w
        ON s.scope = w.scope AND s.subject_id = w.subject_id AND s.period = w.period
), locked AS MATERIALIZED (
    SELECT id FROM billing_capspend
     WHERE id IN (SELECT id FROM found) AND (SELECT count(*) FROM found) = (SELECT count(*) FROM wanted)
     ORDER BY scope COLLATE "C", subject_id, period COLLATE "C" FOR NO KEY UPDATE
)
UPDATE billing_capspend s SET points = s.points + %(points)s::bigint FROM locked WHERE s.id = locked.id
RETURNING s.scope, s.period, s.points
"""


def _counters(identity: Identity, now: datetime) -> list[Counter]:
    """Every cap that counts what this caller spends."""
    who = identity
    key = Caps(daily=who.cap_daily, monthly=who.cap_monthly, total=who.cap_total)
    member = Caps(daily=who.member_cap_daily, monthly=who.member_cap_monthly)
    budget = Caps(daily=who.budget_daily, monthly=who.budget_monthly, refuses=who.budget_refuses)
    subjects = [
        (Scope.KEY, who.key_id, key),
        (Scope.MEMBER, who.member_id, member),
        (Scope.WORKSPACE, who.workspace_id, budget),
    ]
    return [
        counter
        for scope, subject_id, caps in subjects
        if subject_id is not None
        for counter in counters(scope=scope, subject_id=subject_id, caps=caps, now=now)
    ]


def reserve(*, identity: Identity, points: int) -> None:
    """Count the points against every cap of the caller, inside its transaction, before the hold.

    Raises SpendLimitReached, and then the transaction is to be given up. Costs nothing without a cap.
    """
    if not identity.has_cap:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        wanted = _counters(identity, cursor.fetchone()[0])
        parameters: dict[str, Any] = {
            "scopes": [one.scope for one in wanted],
            "subjects": [one.subject_id for one in wanted],
            "periods": [one.period for one in wanted],
            "points": points,
        }
        cursor.execute(_COUNT, parameters)
        counted = cursor.fetchall()
        if len(counted) < len(wanted):
            begin(workspace_id=identity.workspace_id, wanted=wanted)
            cursor.execute(_COUNT, parameters)
            counted = cursor.fetchall()
    spent = {(scope, period): total for scope, period, total in counted}
    for one in wanted:
        if one.refuses and spent[one.scope, one.period] > one.cap:
            raise _refusal(one, points=points, spent=spent[one.scope, one.period] - points)


_UNLIMITED = 2**62
_SPENT = """
SELECT scope, period, points FROM billing_capspend s
  JOIN unnest(%(scopes)s::text[], %(subjects)s::bigint[], %(periods)s::text[]) AS w (scope, subject_id, period)
 USING (scope, subject_id, period)
"""


def room(*, identity: Identity) -> int:
    """How many points the tightest refusing cap of the caller leaves: a look without a lock, for choosing an amount."""
    if not identity.has_cap:
        return _UNLIMITED
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        wanted = _counters(identity, cursor.fetchone()[0])
        parameters: dict[str, Any] = {
            "scopes": [one.scope for one in wanted],
            "subjects": [one.subject_id for one in wanted],
            "periods": [one.period for one in wanted],
        }
        cursor.execute(_SPENT, parameters)
        spent = {(scope, period): points for scope, period, points in cursor.fetchall()}
        if len(spent) < len(wanted):
            begin(workspace_id=identity.workspace_id, wanted=wanted)
            cursor.execute(_SPENT, parameters)
            spent = {(scope, period): points for scope, period, points in cursor.fetchall()}
    left = [one.cap - spent[one.scope, one.period] for one in wanted if one.refuses]
    return max(0, min(left, default=_UNLIMITED))


_SUBJECTS = {
    Scope.KEY.value: sentence("This API key"),
    Scope.MEMBER.value: sentence("This member"),
    Scope.WORKSPACE.value: sentence("This workspace"),
}


def _refusal(one: Counter, *, points: int, spent: int) -> SpendLimitReached:
    return SpendLimitReached(
        _words(one),
        detail={
            "budget": one.scope,
            "period": one.period,
            "cap_points": one.cap,
            "spent_points": spent,
            "needed_points": points,
            "resets_at": f"{one.resets_at:%Y-%m-%dT%H:%M:%SZ}" if one.resets_at else None,
        },
    )


def _words(one: Counter) -> Sentence:
    refused = sentence(
        "{subject} may spend {limit} {period}, and this would pass it.",
        subject=_SUBJECTS[one.scope],
        limit=format_usd(one.cap),
        period=one.words,
    )
    if one.resets_at is None:
        return refused
    return sentence(
        "{refused} It opens again on {day} at 00:00 UTC.",
        refused=refused,
        day=f"{one.resets_at:%Y-%m-%d}",
    )


# A period's count begins with what the ledger has for it, so that a cap set later counts from the period's beginning:
# of each hold placed in it, what was not given back. Rows are never deleted: `_COUNT` finds all or makes what lacks.
_BEGIN = """
INSERT INTO billing_capspend (scope, subject_id, workspace_id, period, points)
SELECT %(scope)s::text, %(subject)s::bigint, %(workspace)s::bigint, %(period)s::text,
       COALESCE(sum(points), 0)::bigint FROM (
    SELECT GREATEST(sum(e.debt_delta - e.available_delta), 0) AS points
      FROM billing_creditentry e
     WHERE e.workspace_id = %(workspace)s::bigint AND e.created_at >= %(since)s::timestamptz
       AND e.kind IN ('HOLD', 'CAPTURE', 'RELEASE', 'REFUND')
     GROUP BY e.reference HAVING bool_or(e.kind = 'HOLD' AND {is_its})
) AS work
ON CONFLICT (scope, subject_id, period) {there}
"""
_IS_ITS = {
    Scope.KEY.value: "e.api_key_id = %(subject)s::bigint",
    Scope.MEMBER.value: """(
        e.actor_id = (SELECT user_id FROM accounts_membership WHERE id = %(subject)s::bigint)
        OR e.actor_id IS NULL AND e.api_key_id IN (
            SELECT k.id FROM accounts_apikey k JOIN accounts_membership m
                ON m.user_id = k.created_by_id AND m.workspace_id = k.workspace_id
             WHERE m.id = %(subject)s::bigint))""",
    Scope.WORKSPACE.value: "true",
}


def begin(*, workspace_id: int, wanted: Sequence[Counter]) -> None:
    """Make the rows that are missing, in the order of the locks. Safe to repeat and to do at once."""
    _from_ledger(workspace_id, wanted, there="DO NOTHING")


_LOCK = """
SELECT 1 FROM billing_capspend WHERE scope = %s AND subject_id = %s
 ORDER BY period COLLATE "C" FOR NO KEY UPDATE
"""


def recount(*, workspace_id: int, wanted: Sequence[Counter]) -> None:
    """Count one subject's spending afresh: caps it had not before may have missed some. Inside a transaction.

    A caller that is being counted holds the row until its commit, so nothing is in between.
    """
    with connection.cursor() as cursor:
        for scope, subject_id in sorted({(one.scope, one.subject_id) for one in wanted}):
            cursor.execute(_LOCK, [scope, subject_id])
    _from_ledger(
        workspace_id, wanted, there="DO UPDATE SET points = EXCLUDED.points, warned_percent = 0"
    )


def _from_ledger(workspace_id: int, wanted: Sequence[Counter], *, there: str) -> None:
    with connection.cursor() as cursor:
        for one in sorted(wanted, key=lambda one: (one.scope, one.subject_id, one.period)):
            cursor.execute(
                _BEGIN.format(is_its=_IS_ITS[one.scope], there=there),
                {
                    "scope": one.scope,
                    "subject": one.subject_id,
                    "workspace": workspace_id,
                    "period": one.period,
                    "since": one.since,
                },
            )


@dataclass(frozen=True)
class Freed:
    """Of a hold only `kept` points go on to count; the rest is given back."""

    workspace_id: int
    reference: str
    kept: int


_GIVE_BACK = """
WITH freed AS (
    SELECT h.workspace_id, h.api_key_id, m.id AS member_id, h.held_delta - f.kept AS points,
           h.created_at AT TIME ZONE 'UTC' AS held_at
      FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS f (workspace_id, reference, kept)
      JOIN billing_creditentry h ON h.workspace_id = f.workspace_id AND h.reference = f.reference AND h.kind = 'HOLD'
      LEFT JOIN accounts_apikey k ON k.id = h.api_key_id
      LEFT JOIN accounts_membership m
        ON m.workspace_id = h.workspace_id AND m.user_id = COALESCE(h.actor_id, k.created_by_id)
     WHERE h.held_delta > f.kept
), counted AS (
    SELECT whose.scope, whose.subject_id, times.period, sum(freed.points)::bigint AS points
      FROM freed,
           LATERAL (VALUES ('key', api_key_id), ('member', member_id), ('workspace', workspace_id))
                   AS whose (scope, subject_id),
           LATERAL (VALUES ('total'), (to_char(held_at, 'YYYY-MM')), (to_char(held_at, 'YYYY-MM-DD')))
                   AS times (period)
     WHERE whose.subject_id IS NOT NULL
     GROUP BY 1, 2, 3
), locked AS MATERIALIZED (
    SELECT s.id, counted.points FROM billing_capspend s JOIN counted
        ON s.scope = counted.scope AND s.subject_id = counted.subject_id AND s.period = counted.period
     ORDER BY s.scope COLLATE "C", s.subject_id, s.period COLLATE "C" FOR NO KEY UPDATE OF s
)
UPDATE billing_capspend s SET points = GREATEST(s.points - locked.points, 0) FROM locked WHERE s.id = locked.id
"""


def give_back(freed: Sequence[Freed]) -> None:
    """What settlements and refunds freed no longer counts: for every cap that counted it, in the hold's periods."""
    columns: list[list[Any]] = [
        [one.workspace_id for one in freed],
        [one.reference for one in freed],
        [one.kept for one in freed],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, columns)
