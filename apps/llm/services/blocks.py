"""Credit blocks in the database: taken from the wallet, kept by a lease, settled to what was used. Blocks on I/O.

A gateway spends a block in memory (`purse`) and writes what each attempt cost (`recorder`); this is what makes both
safe: the hold is in the ledger before anything is spent, rows are charged only to open blocks, and a block whose
holder is gone is settled by `settle_dead` to exactly its rows.
"""

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.accounts.selectors import Identity
from apps.billing.models import Wallet
from apps.billing.services import caps, credits
from apps.llm.models import CreditBlock

log = logging.getLogger(__name__)

LEASE_SECONDS = 120
_TRIES = 3
# Other processes may need what is left of a wallet or a cap.
_SHARE = 4
_MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Taken:
    """A block that is this process's now."""

    id: uuid.UUID
    points: int


def take(
    *, identity: Identity, gateway: str, wanted: int, needed: int, least: int, is_last_try: bool
) -> Taken | None:
    """Hold points for one process to spend: `needed` by those who wait, and up to `wanted` where there is plenty.

    With less there, whatever there is, down to `least`; with less than that None, or on the last try
    InsufficientCredits or SpendLimitReached. Then nothing has moved.
    """
    for _ in range(_TRIES):
        room = _room(identity)
        if room < least and not is_last_try:
            return None
        points = max(needed, min(wanted, room // _SHARE))
        if room < points:
            points = room if room >= least else least
        try:
            return _take(identity, gateway, points)
        except (credits.InsufficientCredits, caps.SpendLimitReached):
            # Somebody else took of it since we looked, or there is too little.
            if room < least:
                raise
    return _take(identity, gateway, least)


def _room(identity: Identity) -> int:
    """What the wallet and the caller's caps leave; a look, which the hold may find changed."""
    wallet = Wallet.objects.of(identity.workspace_id).values_list("available", flat=True).first()
    return min(wallet or 0, caps.room(identity=identity))


@transaction.atomic
def _take(identity: Identity, gateway: str, points: int) -> Taken:
    block_id = uuid.uuid4()
    # The block before the hold: whoever settles locks in this order too.
    CreditBlock.objects.create(
        id=block_id,
        workspace_id=identity.workspace_id,
        api_key_id=identity.key_id,
        user_id=identity.user_id,
        gateway=gateway,
        points=points,
        lease_until=Now() + timedelta(seconds=LEASE_SECONDS),
    )
    credits.hold(identity=identity, points=points, reference=f"llm:{block_id}")
    return Taken(block_id, points)


# Rows are locked in one order by everybody who locks several.
_RENEW = """
UPDATE llm_creditblock SET lease_until = statement_timestamp() + %s * interval '1 second'
 WHERE id IN (SELECT id FROM llm_creditblock WHERE gateway = %s AND state = 'open' ORDER BY id FOR NO KEY UPDATE)
RETURNING id, is_recalled
"""
_RECALL = """
UPDATE llm_creditblock SET is_recalled = true
 WHERE id IN (SELECT id FROM llm_creditblock WHERE workspace_id = %s AND state = 'open' AND gateway <> %s
               ORDER BY id FOR NO KEY UPDATE)
"""


def renew(*, gateway: str) -> dict[uuid.UUID, bool]:
    """Extend the lease of every open block of this process; says of each whether it has been recalled."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [LEASE_SECONDS, gateway])
        return dict(cursor.fetchall())


def recall(*, workspace_id: int, but: str) -> int:
    """Ask other processes for what they hold of the workspace and do not need; says how many blocks that is."""
    with connection.cursor() as cursor:
        cursor.execute(_RECALL, [workspace_id, but])
        return int(cursor.rowcount)


def recalled(*, gateway: str) -> list[uuid.UUID]:
    """Which open blocks of this process somebody wants back."""
    return list(
        CreditBlock.objects.across_workspaces()
        .filter(gateway=gateway, state=CreditBlock.State.OPEN, is_recalled=True)
        .values_list("id", flat=True)
    )


def count_elsewhere(*, workspace_id: int, but: str) -> int:
    """How many blocks of the workspace other processes hold."""
    blocks = CreditBlock.objects.of(workspace_id).filter(state=CreditBlock.State.OPEN)
    return blocks.exclude(gateway=but).count()


_LOCK = """
SELECT id, workspace_id, points FROM llm_creditblock WHERE id = ANY(%s::uuid[]) AND state = 'open'
 ORDER BY id FOR UPDATE
"""
_USED = """
SELECT block_id, sum(points)::bigint FROM llm_usage WHERE block_id = ANY(%s::uuid[]) GROUP BY block_id
"""
_SETTLED = """
UPDATE llm_creditblock b SET state = 'settled', settled_at = statement_timestamp(), captured = v.captured
  FROM unnest(%s::uuid[], %s::bigint[]) AS v (id, captured) WHERE b.id = v.id
"""


@transaction.atomic
def settle(*, block_ids: Collection[uuid.UUID]) -> int:
    """End blocks: what their rows come to is captured, the rest goes back. Says how many; safe to repeat.

    The lock waits for rows that are being written and lets none in afterwards.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(block_ids)])
        found = cursor.fetchall()
        if not found:
            return 0
        ids = [block_id for block_id, _, _ in found]
        cursor.execute(_USED, [ids])
        used: dict[uuid.UUID, int] = dict(cursor.fetchall())
    costs = [_cost(block_id, points, used.get(block_id, 0)) for block_id, _, points in found]
    settlements = [
        credits.Settlement(workspace_id, f"llm:{block_id}", cost or None)
        for (block_id, workspace_id, _), cost in zip(found, costs, strict=True)
    ]
    credits.free_caps(settlements)
    with connection.cursor() as cursor:
        cursor.execute(_SETTLED, [ids, costs])
    credits.settle_many(settlements)
    return len(found)


def _cost(block_id: uuid.UUID, points: int, used: int) -> int:
    if used > points:
        # A purse never lets this happen; if it does, the wallet does not pay for our fault.
        log.error("block overspent", extra={"block": str(block_id), "by": used - points})
    return min(points, used)


def settle_all(*, gateway: str) -> int:
    """Settle what a process that is known to be dead has left."""
    ids = list(
        CreditBlock.objects.across_workspaces()
        .filter(gateway=gateway, state=CreditBlock.State.OPEN)
        .values_list("id", flat=True)
    )
    return sum(settle(block_ids=ids[at : at + _MOST_AT_ONCE]) for at in _steps(ids))


def settle_dead() -> int:
    """Settle blocks whose lease is over: whoever held them is dead, or as good as dead. Safe to repeat."""
    ids = list(
        CreditBlock.objects.across_workspaces()
        .filter(state=CreditBlock.State.OPEN, lease_until__lt=Now())
        .values_list("id", flat=True)
    )
    if ids:
        log.warning("blocks left behind", extra={"count": len(ids)})
    return sum(settle(block_ids=ids[at : at + _MOST_AT_ONCE]) for at in _steps(ids))


def _steps(ids: Sequence[uuid.UUID]) -> range:
    return range(0, len(ids), _MOST_AT_ONCE)
