"""Reading lots: what is left of each income, and until when it can be spent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from apps.billing import policies
from apps.billing.policies import LotRest, Stretch

# One statement, so that lots and lines are of one moment. Lines that neither bring something nor take a payment's
# credits back are only sums here: a fold costs the same code for ten lines and for a million.
_STANDING = """
WITH lines AS (
    SELECT e.id, e.reference, -(e.available_delta + e.held_delta) AS spent,
           e.available_delta + e.held_delta > 0 AS is_income,
           e.kind = 'CLAWBACK' AND e.reference LIKE 'payment:%%:%%' AS is_claw
      FROM billing_creditentry e
     WHERE e.workspace_id = %(workspace)s
       AND e.id > (SELECT lots_folded_to FROM billing_wallet WHERE workspace_id = %(workspace)s)
     ORDER BY e.id LIMIT %(most)s
), numbered AS (
    SELECT *, count(*) FILTER (WHERE is_income OR is_claw) OVER (ORDER BY id) AS stretch FROM lines
)
SELECT true, l.entry_id, e.reference, l.expires_at, l.remaining, 0::bigint, 0::bigint, 0::bigint
  FROM billing_creditlot l JOIN billing_creditentry e ON e.id = l.entry_id
 WHERE l.workspace_id = %(workspace)s AND l.remaining > 0
UNION ALL
(SELECT false, min(id), COALESCE(max(reference) FILTER (WHERE is_claw), ''), NULL,
        COALESCE(sum(spent) FILTER (WHERE NOT is_income AND NOT is_claw), 0)::bigint,
        COALESCE(sum(spent) FILTER (WHERE is_claw), 0)::bigint, max(id), count(*)
   FROM numbered GROUP BY stretch ORDER BY min(id))
"""


@dataclass(frozen=True)
class Standing:
    """Lots as they were last written, and the ledger lines they have not been told of.

    `last_id` is the last of those lines, 0 when there is none, and `lines` their number.
    """

    lots: list[LotRest]
    stretches: list[Stretch]
    last_id: int
    lines: int

    def left(self) -> dict[int, int]:
        """What is left of each lot after the lines, by the lot's id."""
        return policies.lots_after(self.lots, self.stretches)


def standing(*, workspace_id: int, most_lines: int | None = None) -> Standing:
    """Lots and lines as of one moment; `most_lines` bounds how far it looks ahead."""
    lots: list[LotRest] = []
    stretches: list[Stretch] = []
    last_id = lines = 0
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"workspace": workspace_id, "most": most_lines})
        for is_lot, row_id, reference, expires_at, points, clawed, last, count in cursor.fetchall():
            if is_lot:
                lots.append(LotRest(row_id, reference, expires_at, points))
                continue
            # "payment:<id>:<n>" takes back what "payment:<id>" brought.
            stretches.append(Stretch(row_id, points, clawed, reference.rpartition(":")[0]))
            last_id, lines = max(last_id, last), lines + count
    stretches.sort(key=lambda stretch: stretch.first_id)
    return Standing(lots, stretches, last_id, lines)


@dataclass(frozen=True)
class Expiring:
    """Points that are gone at `expires_at` unless they are spent before."""

    expires_at: datetime
    points: int


def expiring(*, workspace_id: int) -> list[Expiring]:
    """What is left of credits that expire, by their time, the next first. Writes nothing."""
    now_standing = standing(workspace_id=workspace_id)
    left = now_standing.left()
    by_time: dict[datetime, int] = {}
    for lot in now_standing.lots:
        if lot.expires_at is not None and left[lot.entry_id]:
            by_time[lot.expires_at] = by_time.get(lot.expires_at, 0) + left[lot.entry_id]
    return [Expiring(expires_at, by_time[expires_at]) for expires_at in sorted(by_time)]


@dataclass(frozen=True)
class LotImbalance:
    """A wallet whose lots do not sum to what it has; `lots` counts what the lines since the last fold took."""

    workspace_id: int
    balance: int
    lots: int


_LOT_IMBALANCES = """
SELECT w.workspace_id, w.available + w.held, lots.points + since.points
  FROM billing_wallet w, LATERAL (
    SELECT COALESCE(sum(l.remaining), 0)::bigint AS points
      FROM billing_creditlot l WHERE l.workspace_id = w.workspace_id AND l.remaining > 0) lots, LATERAL (
    SELECT COALESCE(sum(LEAST(e.available_delta + e.held_delta, 0)), 0)::bigint AS points
      FROM billing_creditentry e WHERE e.workspace_id = w.workspace_id AND e.id > w.lots_folded_to) since
 WHERE w.available + w.held <> lots.points + since.points
 ORDER BY w.workspace_id
"""


def lot_imbalances() -> Iterator[LotImbalance]:
    """Wallets whose available and held points are not the rest of their lots. There should be none."""
    with connection.cursor() as cursor:
        cursor.execute(_LOT_IMBALANCES)
        for row in cursor.fetchall():
            yield LotImbalance(*row)
