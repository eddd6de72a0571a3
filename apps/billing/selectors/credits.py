"""Reading credits."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from apps.billing.models import CreditEntry, Wallet


def wallet(*, workspace_id: int) -> Wallet:
    return Wallet.objects.of(workspace_id).get()


def entries_of(*, workspace_id: int, reference: str) -> list[CreditEntry]:
    """Everything one cause moved, in order."""
    return list(CreditEntry.objects.of(workspace_id).filter(reference=reference).order_by("id"))


@dataclass(frozen=True)
class Imbalance:
    """A wallet whose totals are not the sums of its ledger; each pair is (wallet, ledger)."""

    workspace_id: int
    available: tuple[int, int]
    held: tuple[int, int]
    debt: tuple[int, int]


_IMBALANCES = """
SELECT w.workspace_id, w.available, COALESCE(e.available, 0), w.held, COALESCE(e.held, 0), w.debt, COALESCE(e.debt, 0)
  FROM billing_wallet w LEFT JOIN (
       SELECT workspace_id, sum(available_delta)::bigint AS available, sum(held_delta)::bigint AS held,
              sum(debt_delta)::bigint AS debt
         FROM billing_creditentry GROUP BY workspace_id) e USING (workspace_id)
 WHERE (w.available, w.held, w.debt)
       <> (COALESCE(e.available, 0), COALESCE(e.held, 0), COALESCE(e.debt, 0))
 ORDER BY w.workspace_id
"""


def imbalances() -> Iterator[Imbalance]:
    """There should be none."""
    with connection.cursor() as cursor:
        cursor.execute(_IMBALANCES)
        for row in cursor.fetchall():
            yield Imbalance(row[0], row[1:3], row[3:5], row[5:7])


def broken_balances() -> Iterator[int]:
    """Ledger lines whose balance does not follow from the line before it: their ids. There should be none."""
    with_previous = """
        SELECT id FROM (
            SELECT id, available_after, held_after, available_delta, held_delta,
                   lag(available_after, 1, 0::bigint) OVER w AS available_before,
                   lag(held_after, 1, 0::bigint) OVER w AS held_before
              FROM billing_creditentry WINDOW w AS (PARTITION BY workspace_id ORDER BY id)
        ) AS lines
        WHERE available_after <> available_before + available_delta OR held_after <> held_before + held_delta
        ORDER BY id
    """
    with connection.cursor() as cursor:
        cursor.execute(with_previous)
        for (entry_id,) in cursor.fetchall():
            yield entry_id
