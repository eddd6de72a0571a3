"""Reading credits."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

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


def imbalances() -> Iterator[Imbalance]:
    """There should be none."""
    rows = (
        Wallet.objects.across_workspaces()
        .annotate(
            ledger_available=Coalesce(Sum("entries__available_delta"), 0),
            ledger_held=Coalesce(Sum("entries__held_delta"), 0),
            ledger_debt=Coalesce(Sum("entries__debt_delta"), 0),
        )
        .exclude(Q(available=F("ledger_available"), held=F("ledger_held"), debt=F("ledger_debt")))
        .order_by("workspace_id")
    )
    for row in rows.iterator():
        yield Imbalance(
            workspace_id=row.workspace_id,
            available=(row.available, row.ledger_available),
            held=(row.held, row.ledger_held),
            debt=(row.debt, row.ledger_debt),
        )


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
    for entry in CreditEntry.objects.across_workspaces().raw(with_previous):
        yield entry.pk
