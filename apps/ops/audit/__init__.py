"""The proof that money and work agree. Reads only; any difference is a fault of ours.

Each check is one statement and so sees one moment: work that goes on meanwhile is no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import connection

from apps.billing import selectors as billing
from apps.billing.selectors import gifts, invoices, lots
from apps.ops.audit.calls import BLOCK_CHECKS, CALL_CHECKS
from apps.ops.audit.money import MONEY_CHECKS
from apps.ops.audit.work import TASK_CHECKS, WORK_CHECKS


@dataclass(frozen=True)
class Proof:
    """How much was looked at, for the line that says all is well."""

    wallets: int
    entries: int
    tasks: int
    payments: int
    invoices: int
    available: int
    held: int
    debt: int


def differences() -> list[str]:
    """Every difference as a sentence; an empty list is the proof.

    Wallets equal the sums of their ledgers and of their lots, each ledger line's balance follows from the one before,
    and every task's hold was placed, is open while it runs, was captured to the task's cost, and refunded at most once
    and at most that. Every purchase has its payment and every payment its purchase, its clawbacks and its documents;
    every reward, code and correction its rule; every block of LLM calls its hold, and its rows come to what it took.
    What has ended left nothing open and its webhook a delivery; and the checks of `work_differences`.
    """
    return [
        *_wallets(),
        *_lines(),
        *_lots(),
        *_found(TASK_CHECKS),
        *_found(MONEY_CHECKS),
        *_found(CALL_CHECKS),
        *invoices.differences(),
        *invoices.gaps(),
        *gifts.gift_faults(),
        *work_differences(),
    ]


def work_differences() -> list[str]:
    """The cheap part: what is counted, held and open for unfinished work is what there is."""
    return [*_found(WORK_CHECKS), *_found(BLOCK_CHECKS)]


def proof() -> Proof:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM billing_wallet), (SELECT count(*) FROM billing_creditentry),"
            " (SELECT count(*) FROM tasks_task), (SELECT count(*) FROM billing_payment),"
            " (SELECT count(*) FROM billing_invoice),"
            " COALESCE(sum(available), 0), COALESCE(sum(held), 0), COALESCE(sum(debt), 0) FROM billing_wallet"
        )
        return Proof(*(int(value) for value in cursor.fetchone()))


def _wallets() -> Iterator[str]:
    for found in billing.imbalances():
        pairs = (("available", found.available), ("held", found.held), ("debt", found.debt))
        parts = [
            f"{name} {wallet}, ledger {ledger}"
            for name, (wallet, ledger) in pairs
            if wallet != ledger
        ]
        yield f"workspace {found.workspace_id}: {'; '.join(parts)}"


def _lines() -> Iterator[str]:
    for entry_id in billing.broken_balances():
        yield f"ledger line {entry_id}: its balance does not follow from the line before"


def _lots() -> Iterator[str]:
    for found in lots.lot_imbalances():
        yield f"workspace {found.workspace_id} has {found.balance} points, its lots {found.lots}"


def _found(checks: Mapping[str, str]) -> Iterator[str]:
    with connection.cursor() as cursor:
        for sentence, query in checks.items():
            cursor.execute(query)
            for row in cursor.fetchall():
                yield sentence.format(*row)
