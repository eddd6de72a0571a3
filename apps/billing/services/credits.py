"""Holds and their settlement, grants and adjustments.

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

from apps.accounts.models import User
from apps.accounts.selectors import Identity
from apps.billing.models import CreditEntry, Wallet
from apps.billing.services import caps
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.core.money import format_credits

Kind = CreditEntry.Kind


class InsufficientCredits(DomainError):
    """The wallet cannot cover it; nothing was created or moved."""

    type = "insufficient_credits"


class AlreadySettled(Exception):
    """The hold was settled the other way before. A fault of the caller: states are changed by compare-and-set."""


# The hold of a task, as the head of a statement that also inserts what is held for: `WITH <HOLD> INSERT … FROM hold`.
# Parameters: points, points, workspace id, reference, API key id. A wallet that cannot cover it raises a check
# violation, which undoes the whole statement; see `insufficient`.
HOLD_CTE = """
hold AS (
    UPDATE billing_wallet SET available = available - %s, held = held + %s
     WHERE workspace_id = %s
 RETURNING workspace_id, available, held
), hold_entry AS (
    INSERT INTO billing_creditentry (workspace_id, kind, reference, api_key_id, available_delta, held_delta,
                                     available_after, held_after)
    SELECT workspace_id, 'HOLD', %s, %s, -%s::bigint, %s::bigint, available, held FROM hold
)
"""

_HOLD = f"WITH {HOLD_CTE} SELECT 1 FROM hold"  # noqa: S608 - nothing but our own text


def hold_parameters(
    *, workspace_id: int, points: int, reference: str, key_id: int | None
) -> list[Any]:
    """What `HOLD_CTE` takes, in its order."""
    return [points, points, workspace_id, reference, key_id, points, points]


def hold(*, identity: Identity, points: int, reference: str) -> None:
    """Set points aside for work that is about to start.

    Safe to repeat: the same reference is held once. Raises InsufficientCredits or SpendLimitReached, and then nothing
    has moved.
    """
    workspace_id = identity.workspace_id
    parameters = hold_parameters(
        workspace_id=workspace_id, points=points, reference=reference, key_id=identity.key_id
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
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
    """The refusal, with what is needed and what is there."""
    wallet = Wallet.objects.of(workspace_id).get()
    return InsufficientCredits(
        f"Insufficient credits: this task needs {format_credits(points)}, "
        f"{format_credits(wallet.available)} are available.",
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


# The hold is found by its unique reference; the wallet row is locked by the UPDATE, last.
_SETTLE = """
WITH held AS (
    SELECT workspace_id, held_delta AS points, api_key_id, created_at FROM billing_creditentry
     WHERE workspace_id = %s AND reference = %s AND kind = 'HOLD'
), wallet AS (
    UPDATE billing_wallet w SET available = w.available + held.points - %s, held = w.held - held.points
      FROM held WHERE w.workspace_id = held.workspace_id
 RETURNING w.workspace_id, w.available, w.held, held.points, held.api_key_id
), entry AS (
    INSERT INTO billing_creditentry (workspace_id, kind, reference, api_key_id, available_delta, held_delta,
                                     available_after, held_after)
    SELECT workspace_id, %s, %s, api_key_id, points - %s, -points, available, held FROM wallet
)
SELECT api_key_id, points, created_at FROM held
"""


def _settle(workspace_id: int, kind: Kind, reference: str, cost: int) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_SETTLE, [workspace_id, reference, cost, kind.value, reference, cost])
            row = cursor.fetchone()
            if row is None:
                raise NotFound(f"Nothing is held for {reference}.")
            key_id, held, held_at = row
            if key_id is not None and held > cost:
                caps.give_back(key_id=key_id, points=held - cost, held_at=held_at)
    except IntegrityError as error:
        _check_same_settlement(workspace_id, kind, reference, cost, error)


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


_MOVE = """
WITH wallet AS (
    UPDATE billing_wallet SET available = available + %s WHERE workspace_id = %s
 RETURNING workspace_id, available, held
)
INSERT INTO billing_creditentry (workspace_id, kind, reference, note, actor_id, available_delta, available_after,
                                 held_after)
SELECT workspace_id, %s, %s, %s, %s, %s::bigint, available, held FROM wallet
RETURNING id
"""


@dataclass(frozen=True)
class Movement:
    """A change of `available` that is not a hold: `points` is signed."""

    kind: Kind
    points: int
    reference: str
    note: str = ""
    actor_id: int | None = None


def grant(*, workspace_id: int, points: int, reference: str, note: str = "") -> bool:
    """Points that were not paid for. Says whether they moved: the same reference grants once."""
    return _move(workspace_id, Movement(Kind.GRANT, points, reference, note))


def adjust(
    *, workspace_id: int, points: int, reference: str, note: str, actor: User | None
) -> bool:
    """A correction by a person, up or down, with the reason. Raises InvalidRequest below zero or without one."""
    if not note.strip():
        raise InvalidRequest.field("note", "Say why the balance is corrected.")
    actor_id = actor.pk if actor else None
    return _move(
        workspace_id, Movement(Kind.ADJUSTMENT, points, reference, note.strip()[:200], actor_id)
    )


def _move(workspace_id: int, movement: Movement) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_MOVE, _move_parameters(workspace_id, movement))
            if cursor.fetchone() is None:
                raise NotFound("The workspace has no wallet.")
    except IntegrityError as error:
        if violates(error, "credit_entry_once_per_kind"):
            return False
        if violates(error, "wallet_available_not_negative"):
            raise InvalidRequest("The balance would fall below zero.") from None
        raise
    return True


def _move_parameters(workspace_id: int, movement: Movement) -> Sequence[Any]:
    return [
        movement.points,
        workspace_id,
        movement.kind.value,
        movement.reference,
        movement.note,
        movement.actor_id,
        movement.points,
    ]
