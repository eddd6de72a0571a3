"""The proof that money and work agree. Reads only; any difference is a fault of ours."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from apps.billing import selectors as billing


@dataclass(frozen=True)
class Proof:
    """How much was looked at, for the line that says all is well."""

    wallets: int
    entries: int
    tasks: int
    available: int
    held: int


# Each yields one row per fault. A task's hold must be there from its creation on, open exactly while the task is
# unfinished, and captured to exactly the task's cost.
_TASK_CHECKS = {
    "task {0} ({1}) has no hold of its price": """
        SELECT t.id, t.status FROM tasks_task t
         WHERE NOT t.service_mode = 'private' AND NOT EXISTS (
               SELECT FROM billing_creditentry e WHERE e.workspace_id = t.workspace_id AND e.kind = 'HOLD'
                  AND e.reference = 'task:' || t.id::text AND e.held_delta = t.price_points)
    """,
    "task {0} has ended ({1}) but its hold is open": """
        SELECT t.id, t.status FROM tasks_task t
          JOIN billing_creditentry e ON e.workspace_id = t.workspace_id AND e.kind = 'HOLD'
               AND e.reference = 'task:' || t.id::text
         WHERE t.status IN ('completed', 'failed', 'cancelled') AND NOT EXISTS (
               SELECT FROM billing_creditentry s WHERE s.workspace_id = e.workspace_id
                  AND s.reference = e.reference AND s.kind IN ('CAPTURE', 'RELEASE'))
    """,
    "task {0} is unfinished ({1}) but its hold was settled": """
        SELECT t.id, t.status FROM tasks_task t
          JOIN billing_creditentry s ON s.workspace_id = t.workspace_id AND s.kind IN ('CAPTURE', 'RELEASE')
               AND s.reference = 'task:' || t.id::text
         WHERE t.status IN ('staged', 'pending', 'processing')
    """,
    "task {0} cost {1} points but {2} were captured": """
        SELECT t.id, t.cost_points, COALESCE(-(s.available_delta + s.held_delta), 0) FROM tasks_task t
          LEFT JOIN billing_creditentry s ON s.workspace_id = t.workspace_id AND s.kind = 'CAPTURE'
               AND s.reference = 'task:' || t.id::text
         WHERE t.status IN ('completed', 'failed', 'cancelled')
           AND t.cost_points <> COALESCE(-(s.available_delta + s.held_delta), 0)
    """,
    "hold {0} has no task": """
        SELECT e.reference FROM billing_creditentry e
         WHERE e.kind = 'HOLD' AND e.reference LIKE 'task:%' AND NOT EXISTS (
               SELECT FROM tasks_task t WHERE 'task:' || t.id::text = e.reference
                  AND t.workspace_id = e.workspace_id)
    """,
}


def differences() -> list[str]:
    """Every difference as a sentence; an empty list is the proof.

    Wallets equal the sums of their ledgers, each ledger line's balance follows from the one before, and every task's
    hold was placed, is open while it runs, and was captured to the task's cost.
    """
    return [*_wallets(), *_lines(), *_tasks()]


def proof() -> Proof:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM billing_wallet), (SELECT count(*) FROM billing_creditentry),"
            " (SELECT count(*) FROM tasks_task), COALESCE(sum(available), 0), COALESCE(sum(held), 0)"
            " FROM billing_wallet"
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


def _tasks() -> Iterator[str]:
    with connection.cursor() as cursor:
        for sentence, query in _TASK_CHECKS.items():
            cursor.execute(query)
            for row in cursor.fetchall():
                yield sentence.format(*row)
