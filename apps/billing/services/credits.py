"""Holds and their settlement. `movements` has what comes in and goes out without one.

Each movement is one statement: it changes the wallet under its row lock and writes the ledger line with the balance
after it, so there is no moment at which the two differ. The database has the last word: a wallet that would go below
zero, a cause that moves points twice and a settlement that does not fit its hold are refused by constraints and
triggers, whatever the code above them believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg.errors
from django.db import IntegrityError, connection, transaction

from apps.accounts.selectors import Identity
from apps.billing.models import CreditEntry, Wallet
from apps.billing.services import alerts, caps
from apps.core.errors import DomainError, NotFound
from apps.core.money import format_credits
from apps.core.sentences import sentence

Kind = CreditEntry.Kind


class InsufficientCredits(DomainError):
    """The wallet cannot cover it; nothing was created or moved."""

    type = "insufficient_credits"


class AlreadySettled(Exception):
    """The hold was settled the other way before. A fault of the caller: states are changed by compare-and-set."""


# The hold of a task, as the head of a statement that also inserts what is held for: `WITH <HOLD> INSERT … FROM hold`.
# Parameters: see `hold_parameters`. A wallet that cannot cover it raises a check
# violation, which undoes the whole statement; see `insufficient`.
_HOLD_CTE = """
hold AS (
    UPDATE billing_wallet SET available = available - %s, held = held + %s
     WHERE workspace_id = %s{condition}
 RETURNING workspace_id, available, held
), hold_entry AS (
    INSERT INTO billing_creditentry (workspace_id, kind, reference, api_key_id, actor_id, available_delta, held_delta,
                                     available_after, held_after)
    SELECT workspace_id, 'HOLD', %s, %s, %s, -%s::bigint, %s::bigint, available, held FROM hold
)
"""

HOLD_CTE = _HOLD_CTE.format(condition="")
# The same, only when the CTE `gate` before it has a row. Reading it here also makes its lock the earlier one: the
# wallet is locked last, everywhere.
GATED_HOLD_CTE = _HOLD_CTE.format(condition=" AND EXISTS (SELECT FROM gate)")

_HOLD = f"WITH {HOLD_CTE} SELECT 1 FROM hold"  # noqa: S608 - nothing but our own text


def hold_parameters(
    *, workspace_id: int, points: int, reference: str, key_id: int | None, user_id: int | None
) -> list[Any]:
    """What `HOLD_CTE` takes, in its order. Key or person: settling looks here for whose caps counted it."""
    return [points, points, workspace_id, reference, key_id, user_id, points, points]


def hold(*, identity: Identity, points: int, reference: str, is_reserved: bool = False) -> None:
    """Set points aside for work that is about to start.

    Safe to repeat: the same reference is held once. Raises InsufficientCredits or SpendLimitReached, and then nothing
    has moved. `is_reserved`: the caller has counted them against the caps (`caps.reserve`) before other locks of its.
    """
    workspace_id = identity.workspace_id
    parameters = hold_parameters(
        workspace_id=workspace_id,
        points=points,
        reference=reference,
        key_id=identity.key_id,
        user_id=identity.user_id,
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if not is_reserved:
                caps.reserve(identity=identity, points=points)
            cursor.execute(_HOLD, parameters)
            if cursor.fetchone() is None:
                raise NotFound("The workspace has no wallet.")
    except IntegrityError as error:
        if violates(error, "wallet_available_not_negative"):
            raise insufficient(workspace_id=workspace_id, points=points) from None
        if not violates(error, "credit_entry_once_per_kind"):
            raise


def violates(error: IntegrityError, constraint: str) -> bool:
    """Whether it was this constraint that refused."""
    cause = error.__cause__
    return (
        isinstance(cause, psycopg.errors.IntegrityError)
        and cause.diag.constraint_name == constraint
    )


def insufficient(*, workspace_id: int, points: int) -> InsufficientCredits:
    """The refusal, with what is needed and what is there. The owners are told of the first until credits come in."""
    alerts.tell_exhausted(workspace_id=workspace_id)
    wallet = Wallet.objects.of(workspace_id).get()
    return InsufficientCredits(
        sentence(
            "Insufficient credits: this task needs {needed}, {available} are available.",
            needed=format_credits(points),
            available=format_credits(wallet.available),
        ),
        detail={
            "needed_points": points,
            "available_points": wallet.available,
            "held_points": wallet.held,
        },
    )


def capture(*, workspace_id: int, reference: str, cost: int) -> None:
    """Spend a hold; what the work did not cost goes back to `available`. Safe to repeat with the same cost."""
    _settle(workspace_id, Kind.CAPTURE, reference, cost)


def release(*, workspace_id: int, reference: str) -> None:
    """Give a hold back in full: the work failed or was cancelled. Safe to repeat."""
    _settle(workspace_id, Kind.RELEASE, reference, 0)


@dataclass(frozen=True)
class Settlement:
    """How a hold ends: captured at `cost` points, or with None released in full."""

    workspace_id: int
    reference: str
    cost: int | None


def _settle(workspace_id: int, kind: Kind, reference: str, cost: int) -> None:
    settlement = Settlement(workspace_id, reference, None if kind is Kind.RELEASE else cost)
    try:
        with transaction.atomic():
            free_caps([settlement])
            settle_many([settlement])
    except IntegrityError as error:
        _check_same_settlement(workspace_id, kind, reference, cost, error)


def free_caps(settlements: Sequence[Settlement]) -> None:
    """Let what the settlements give back no longer count against caps of keys, members and workspaces.

    Belongs in the transaction of `settle_many`, before any other lock but those of tasks: a creation locks its caps,
    then its family's load, then the wallet, and whoever settles does so in the same order.
    """
    caps.give_back([caps.Freed(s.workspace_id, s.reference, s.cost or 0) for s in settlements])


@dataclass(frozen=True)
class FreeHold:
    """Work that was free from the start, and whose key or person it was."""

    workspace_id: int
    reference: str
    key_id: int | None
    user_id: int | None


_HOLD_NOTHING = """
INSERT INTO billing_creditentry (workspace_id, kind, reference, api_key_id, actor_id, available_delta, held_delta,
                                 available_after, held_after)
SELECT w.workspace_id, 'HOLD', v.reference, v.key_id, v.user_id, 0, 0, w.available, w.held
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[]) WITH ORDINALITY
       AS v (workspace_id, reference, key_id, user_id, n)
  JOIN billing_wallet w ON w.workspace_id = v.workspace_id
 ORDER BY v.n
ON CONFLICT (workspace_id, reference, kind) DO NOTHING
"""


def hold_nothing(holds: Sequence[FreeHold]) -> None:
    """Write the lines of free work that ends now, so that the ledger has all work: `settle_many` settles them at 0.

    In the caller's transaction, directly before `settle_many`. What was held for in earnest meanwhile stays as it is.
    """
    if not holds:
        return
    with connection.cursor() as cursor:
        _lock_wallets(cursor, [one.workspace_id for one in holds])
        cursor.execute(
            _HOLD_NOTHING,
            [
                [one.workspace_id for one in holds],
                [one.reference for one in holds],
                [one.key_id for one in holds],
                [one.user_id for one in holds],
            ],
        )


def _lock_wallets(cursor: Any, workspace_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Workspace and debt. In one order, so that two batches never wait for each other."""
    cursor.execute(
        "SELECT workspace_id, debt FROM billing_wallet WHERE workspace_id = ANY(%s) ORDER BY workspace_id FOR UPDATE",
        [sorted(set(workspace_ids))],
    )
    found: list[tuple[int, int]] = cursor.fetchall()
    return found


# Holds are found by their unique references. Each line's balance is the wallet's new one less what the lines after it
# move, so the lines follow from one another in the order of the arrays.
_SETTLE = """
WITH held AS (
    SELECT s.n, s.workspace_id, s.reference, s.kind, h.api_key_id, h.held_delta AS points,
           h.held_delta - s.cost AS back
      FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) WITH ORDINALITY
           AS s (workspace_id, reference, kind, cost, n)
      JOIN billing_creditentry h ON h.workspace_id = s.workspace_id AND h.reference = s.reference AND h.kind = 'HOLD'
), total AS (
    SELECT workspace_id, sum(back)::bigint AS back, sum(points)::bigint AS points FROM held GROUP BY workspace_id
), wallet AS (
    UPDATE billing_wallet w SET available = w.available + total.back, held = w.held - total.points
      FROM total WHERE w.workspace_id = total.workspace_id
 RETURNING w.workspace_id, w.available, w.held
)
INSERT INTO billing_creditentry (workspace_id, kind, reference, api_key_id, available_delta, held_delta,
                                 available_after, held_after)
SELECT workspace_id, kind, reference, api_key_id, back, -points,
       available - COALESCE(sum(back) OVER later, 0)::bigint, held + COALESCE(sum(points) OVER later, 0)::bigint
  FROM held JOIN wallet USING (workspace_id)
WINDOW later AS (PARTITION BY workspace_id ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
 ORDER BY n
"""


def settle_many(settlements: Sequence[Settlement]) -> None:
    """End holds, inside the caller's transaction, which locks nothing after this.

    Raises NotFound when a reference has no hold and IntegrityError when one was settled before; then the caller's
    transaction is to be given up.
    """
    with connection.cursor() as cursor:
        wallets = _lock_wallets(cursor, [s.workspace_id for s in settlements])
        in_debt = {workspace_id for workspace_id, debt in wallets if debt}
        cursor.execute(
            _SETTLE,
            [
                [s.workspace_id for s in settlements],
                [s.reference for s in settlements],
                [Kind.RELEASE.value if s.cost is None else Kind.CAPTURE.value for s in settlements],
                [s.cost or 0 for s in settlements],
            ],
        )
        if cursor.rowcount != len(settlements):
            raise NotFound("Nothing is held for one of the references.")
    for workspace_id in sorted(in_debt):
        _repay(workspace_id, [s.reference for s in settlements if s.workspace_id == workspace_id])


# What came back to a wallet in debt pays the debt. The last of the settled references names the line: each is settled
# once.
_REPAY = """
WITH before AS MATERIALIZED (
    SELECT workspace_id, LEAST(available, debt) AS points FROM billing_wallet
     WHERE workspace_id = %s AND available > 0 AND debt > 0 FOR UPDATE
), wallet AS (
    UPDATE billing_wallet w SET available = w.available - before.points, debt = w.debt - before.points
      FROM before WHERE w.workspace_id = before.workspace_id
 RETURNING w.workspace_id, w.available, w.held, before.points
)
INSERT INTO billing_creditentry (workspace_id, kind, reference, available_delta, debt_delta, available_after,
                                 held_after)
SELECT workspace_id, 'REPAYMENT', %s, -points, -points, available, held FROM wallet
"""


def _repay(workspace_id: int, references: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REPAY, [workspace_id, references[-1]])


def _check_same_settlement(
    workspace_id: int, kind: Kind, reference: str, cost: int, error: IntegrityError
) -> None:
    """A repetition is harmless; the opposite of what was done before is a fault worth hearing of.

    Which constraint refuses a second settlement depends on what else the wallet holds, so we look at the ledger.
    """
    entry = (
        CreditEntry.objects.of(workspace_id)
        .filter(reference=reference, kind__in=[Kind.CAPTURE, Kind.RELEASE])
        .first()
    )
    if entry is None:
        raise error
    if entry.kind != kind or -entry.held_delta - entry.available_delta != cost:
        raise AlreadySettled(f"{reference} was settled as {entry.kind} before.")
