"""Spend caps of API keys, exact under concurrency: a cap is a row that counts, not a sum that is read."""

from datetime import UTC, datetime

from django.db import connection

from apps.accounts.selectors import Identity
from apps.core.errors import DomainError
from apps.core.money import format_usd


class SpendLimitReached(DomainError):
    """A cap of the API key would be passed; nothing was created or moved."""

    type = "spend_limit_reached"


# The first spend of a period starts the count with what the ledger already has for it, so that a cap set later
# counts from the period's beginning. What was held before the period and released in it counts in neither. `points <=
# cap` is checked in the same statement as the addition.
_RESERVE = """
INSERT INTO billing_capspend (scope, subject_id, workspace_id, period, points)
SELECT 'key', %(key)s, %(workspace)s, %(period)s, %(points)s + (
    SELECT GREATEST(COALESCE(SUM(-available_delta), 0), 0) FROM billing_creditentry
     WHERE api_key_id = %(key)s AND workspace_id = %(workspace)s AND created_at >= %(since)s)
ON CONFLICT (scope, subject_id, period) DO UPDATE SET points = billing_capspend.points + %(points)s
 WHERE billing_capspend.points + %(points)s <= %(cap)s
RETURNING points
"""


def reserve(*, identity: Identity, points: int) -> None:
    """Count the points against every cap of the key, inside the caller's transaction. Raises SpendLimitReached."""
    if not identity.has_cap or identity.key_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        for name, period, since, cap in _caps(identity, now=cursor.fetchone()[0]):
            cursor.execute(
                _RESERVE,
                {
                    "key": identity.key_id,
                    "workspace": identity.workspace_id,
                    "period": period,
                    "since": since,
                    "points": points,
                    "cap": cap,
                },
            )
            row = cursor.fetchone()
            if row is None or row[0] > cap:
                raise SpendLimitReached(
                    f"This API key may spend {format_usd(cap)} {name}, and this would pass it.",
                    detail={"cap_points": cap, "period": name, "needed_points": points},
                )


# `total` before months and days, and those by time: the order in which `reserve` takes them.
_GIVE_BACK = """
WITH locked AS MATERIALIZED (
    SELECT id FROM billing_capspend WHERE scope = 'key' AND subject_id = %s AND period = ANY(%s)
     ORDER BY period <> 'total', period FOR NO KEY UPDATE)
UPDATE billing_capspend s SET points = GREATEST(s.points - %s, 0) FROM locked WHERE s.id = locked.id
"""


def give_back(*, key_id: int, points: int, held_at: datetime) -> None:
    """What a settlement freed no longer counts, in the periods of its hold.

    Who gives back for several holds does so by key and then by their time, so that nobody waits in a circle.
    """
    periods = ["total", f"{held_at:%Y-%m}", f"{held_at:%Y-%m-%d}"]
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [key_id, periods, points])


def _caps(identity: Identity, *, now: datetime) -> list[tuple[str, str, datetime, int]]:
    """(words, period, its start, cap) for each cap that is set, on UTC days and months of the database clock."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    limits = [
        ("in all", "total", datetime(2000, 1, 1, tzinfo=UTC), identity.cap_total),
        ("a month (UTC)", f"{now:%Y-%m}", day.replace(day=1), identity.cap_monthly),
        ("a day (UTC)", f"{now:%Y-%m-%d}", day, identity.cap_daily),
    ]
    return [(name, period, since, cap) for name, period, since, cap in limits if cap is not None]
