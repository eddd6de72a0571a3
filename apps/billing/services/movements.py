"""Points that come in or go out without a hold: purchases, grants, refunds, what is taken back, and corrections.

Each movement is one statement, as in `credits`: wallet, ledger line and lot change together or not at all, and the same
reference moves points once per kind.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from apps.accounts.models import User
from apps.billing.models import CreditEntry
from apps.billing.services import caps
from apps.billing.services.credits import violates
from apps.core.errors import InvalidRequest, NotFound

Kind = CreditEntry.Kind

# The wallet's `debt` changes by `owed` and `available` by all the rest. Below zero it is refused by the wallet's
# constraint.
_STATEMENT = """
WITH before AS MATERIALIZED (
    SELECT workspace_id, {owed} AS owed FROM billing_wallet WHERE workspace_id = %(workspace)s FOR UPDATE
), wallet AS (
    UPDATE billing_wallet w
       SET available = w.available + %(points)s::bigint + before.owed, debt = w.debt + before.owed
      FROM before WHERE w.workspace_id = before.workspace_id
 RETURNING w.workspace_id, w.available, w.held, before.owed
), entry AS (
    INSERT INTO billing_creditentry (workspace_id, kind, reference, note, actor_id, available_delta, debt_delta,
                                     available_after, held_after)
    SELECT workspace_id, %(kind)s, %(reference)s, %(note)s, %(actor)s::bigint, %(points)s::bigint + owed, owed,
           available, held FROM wallet
 RETURNING id, workspace_id, available_delta
), lot AS (
    INSERT INTO billing_creditlot (entry_id, workspace_id, points, remaining, expires_at)
    SELECT id, workspace_id, available_delta, available_delta, %(expires_at)s::timestamptz
      FROM entry WHERE available_delta > 0
)
SELECT id FROM entry
"""
# What comes in pays a debt first; the rest is a lot.
_MOVE = _STATEMENT.format(owed="-GREATEST(LEAST(debt, %(points)s::bigint), 0)")
# What is taken back takes what is there, and the rest is owed.
_TAKE_BACK = _STATEMENT.format(owed="GREATEST(-%(points)s::bigint - available, 0)")


@dataclass(frozen=True)
class Movement:
    """Points that come in or go out without a hold: `points` is signed for adjustments, positive for all else.

    `expires_at` is when what came in and was not spent is gone; None: never.
    """

    kind: Kind
    points: int
    reference: str
    note: str = ""
    actor_id: int | None = None
    expires_at: datetime | None = None


def purchase(
    *,
    workspace_id: int,
    points: int,
    reference: str,
    note: str = "",
    expires_at: datetime | None = None,
) -> bool:
    """Points that were paid for. Says whether they moved: the same reference buys once. A debt is paid first."""
    return _move(
        workspace_id, Movement(Kind.PURCHASE, points, reference, note, expires_at=expires_at)
    )


def grant(
    *,
    workspace_id: int,
    points: int,
    reference: str,
    note: str = "",
    expires_at: datetime | None = None,
    actor: User | None = None,
) -> bool:
    """Points that were not paid for. Says whether they moved: the same reference grants once. A debt is paid first."""
    actor_id = actor.pk if actor else None
    return _move(workspace_id, Movement(Kind.GRANT, points, reference, note, actor_id, expires_at))


def claw_back(*, workspace_id: int, points: int, reference: str, note: str = "") -> bool:
    """Take points back whose payment was reversed; what was spent of them becomes debt. Once per reference."""
    return _move(workspace_id, Movement(Kind.CLAWBACK, points, reference, note), _TAKE_BACK)


def reinstate(
    *,
    workspace_id: int,
    points: int,
    reference: str,
    note: str = "",
    expires_at: datetime | None = None,
) -> bool:
    """Give back what `claw_back` took: the reversal was itself reversed. Once per reference."""
    return _move(
        workspace_id, Movement(Kind.REINSTATEMENT, points, reference, note, expires_at=expires_at)
    )


def adjust(
    *,
    workspace_id: int,
    points: int,
    reference: str,
    note: str,
    actor: User | None,
    expires_at: datetime | None = None,
) -> bool:
    """A correction by a person, up or down, with the reason. Raises InvalidRequest below zero or without one."""
    if not note.strip():
        raise InvalidRequest.field("note", "Say why the balance is corrected.")
    actor_id = actor.pk if actor else None
    return _move(
        workspace_id,
        Movement(Kind.ADJUSTMENT, points, reference, note.strip()[:200], actor_id, expires_at),
    )


def _move(workspace_id: int, movement: Movement, statement: str = _MOVE) -> bool:
    if movement.points < 0 and movement.kind is not Kind.ADJUSTMENT:
        raise ValueError(f"{movement.kind} of {movement.points} points")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, _move_parameters(workspace_id, movement))
            if cursor.fetchone() is None:
                raise NotFound("The workspace has no wallet.")
    except IntegrityError as error:
        if violates(error, "credit_entry_once_per_kind"):
            return False
        if violates(error, "wallet_available_not_negative"):
            raise InvalidRequest("The balance would fall below zero.") from None
        raise
    return True


def _move_parameters(workspace_id: int, movement: Movement) -> dict[str, Any]:
    return {
        "workspace": workspace_id,
        "kind": movement.kind.value,
        "points": -movement.points if movement.kind is Kind.CLAWBACK else movement.points,
        "reference": movement.reference,
        "note": movement.note[:200],
        "actor": movement.actor_id,
        "expires_at": movement.expires_at,
    }


# Lines are never changed, so what was captured needs no lock.
_CAPTURED = """
SELECT -(available_delta + held_delta), -held_delta
  FROM billing_creditentry WHERE workspace_id = %s AND reference = %s AND kind = 'CAPTURE'
"""


def refund(
    *, workspace_id: int, reference: str, points: int, note: str, actor: User | None
) -> bool:
    """Give back what a captured hold took, or part of it. Says whether points moved: a reference is refunded once.

    Raises InvalidRequest when less than that was captured, when nothing is to move and without a reason. What comes
    back no longer counts against the caps that counted it.
    """
    if not note.strip():
        raise InvalidRequest.field("note", "Say why it is refunded.")
    if points <= 0:
        raise InvalidRequest.field("points", "A refund gives something back.")
    with connection.cursor() as cursor:
        cursor.execute(_CAPTURED, [workspace_id, reference])
        captured, held = cursor.fetchone() or (0, 0)
    if points > captured:
        raise InvalidRequest.field("points", "No more than what it cost can be refunded.")
    actor_id = actor.pk if actor else None
    movement = Movement(Kind.REFUND, points, reference, note.strip()[:200], actor_id)
    with transaction.atomic():
        # The wallet comes last, as everywhere; caps are told in the periods of the hold.
        caps.give_back([caps.Freed(workspace_id, reference, held - points)])
        moved = _move(workspace_id, movement)
        if not moved:
            transaction.set_rollback(True)
    return moved
