"""Lots brought up to date, and what expires of them.

Spending a task's price writes no lots: they are told afterwards, from the ledger, before anybody acts on them. Whoever
writes lots holds the wallet's row, and the ids of a wallet's lines grow in the order of that lock, so no line is added
below `lots_folded_to`.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.billing import policies
from apps.billing.models import CreditLot, Wallet
from apps.billing.selectors import people
from apps.billing.selectors.lots import standing
from apps.core.money import format_balance
from apps.core.tenancy import TenantQuerySet
from apps.notifications.services import mail

# Of one transaction: the wallet is locked for a fraction of a second.
_MOST_LINES = 50_000
# What is left below five cents expires without a word.
_WORTH_A_MAIL = 500_000


def purchase_expiry(now: datetime) -> datetime | None:
    """Until when credits bought now can be spent; None: for ever."""
    days = settings.CREDITS_EXPIRE_DAYS
    return now + timedelta(days=days) if days else None


def fold(*, workspace_id: int) -> None:
    """Tell the lots of everything the ledger has. Safe to repeat, to interrupt and to run twice at once."""
    lines = _MOST_LINES
    while lines == _MOST_LINES:
        with transaction.atomic():
            _lock(workspace_id)
            lines = _fold_some(workspace_id)


_BEHIND = """
SELECT w.workspace_id FROM billing_wallet w
 WHERE w.lots_folded_to < (SELECT max(e.id) FROM billing_creditentry e WHERE e.workspace_id = w.workspace_id)
 ORDER BY w.workspace_id
"""


def fold_all() -> None:
    """Fold every wallet that has news, so that a page or an expiry never has far to look back."""
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND)
        behind = [workspace_id for (workspace_id,) in cursor.fetchall()]
    for workspace_id in behind:
        fold(workspace_id=workspace_id)


def _lock(workspace_id: int) -> Wallet:
    return Wallet.objects.of(workspace_id).select_for_update().get()


_WRITE = """
UPDATE billing_creditlot l SET remaining = v.points
  FROM unnest(%s::bigint[], %s::bigint[]) AS v (id, points) WHERE l.entry_id = v.id
"""


def _fold_some(workspace_id: int) -> int:
    """Under the wallet's lock; says how many lines it was."""
    found = standing(workspace_id=workspace_id, most_lines=_MOST_LINES)
    if not found.lines:
        return 0
    left = found.left()
    changed = [lot.entry_id for lot in found.lots if left[lot.entry_id] != lot.points]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [changed, [left[lot] for lot in changed]])
    Wallet.objects.of(workspace_id).update(lots_folded_to=found.last_id)
    return found.lines


def expire_due(*, now: datetime | None = None) -> int:
    """Take what is left of lots whose time is over; says of how many wallets. Safe to repeat and to interrupt.

    Points that are held stay until their work has ended, and go with a later run if it gives them back.
    """
    now = now or timezone.now()
    over = CreditLot.objects.across_workspaces().filter(remaining__gt=0, expires_at__lte=now)
    return sum(expire(workspace_id=one, now=now) for one in _workspaces(over))


def _workspaces(lots: TenantQuerySet[CreditLot]) -> list[int]:
    return sorted(set(lots.values_list("workspace_id", flat=True)))


# Whatever else happens to a wallet, its last line is only once the one before: the cause is unique, and says what went.
_EXPIRE = """
WITH wallet AS (
    UPDATE billing_wallet SET available = available - %(points)s WHERE workspace_id = %(workspace)s
 RETURNING workspace_id, available, held, lots_folded_to
)
INSERT INTO billing_creditentry (workspace_id, kind, reference, note, available_delta, available_after, held_after)
SELECT workspace_id, 'EXPIRY', 'expiry:' || %(lot)s::text || ':' || lots_folded_to, 'Credits expired',
       -%(points)s::bigint, available, held FROM wallet
"""


def expire(*, workspace_id: int, now: datetime) -> bool:
    """The same for one wallet, with one ledger line; says whether points went."""
    fold(workspace_id=workspace_id)
    with transaction.atomic():
        wallet = _lock(workspace_id)
        if _fold_some(workspace_id) == _MOST_LINES:
            return False  # So many lines in a moment: the next run will see.
        over = list(
            CreditLot.objects.of(workspace_id)
            .filter(remaining__gt=0, expires_at__lte=now)
            .order_by("expires_at", "entry_id")
        )
        points = policies.expirable(
            expired_points=sum(lot.remaining for lot in over),
            held=wallet.held,
            available=wallet.available,
        )
        if not points:
            return False
        with connection.cursor() as cursor:
            cursor.execute(
                _EXPIRE, {"workspace": workspace_id, "points": points, "lot": over[0].pk}
            )
        # The line takes from the lots that expire first, as any line does: these.
        _fold_some(workspace_id)
    return True


def warn(*, now: datetime | None = None) -> None:
    """Write to whoever has credits that are about to expire: once about each lot, a mail for all of a run's.

    Safe to repeat.
    """
    now = now or timezone.now()
    until = now + timedelta(days=settings.EXPIRY_WARNING_DAYS)
    soon = CreditLot.objects.across_workspaces().filter(
        remaining__gte=_WORTH_A_MAIL, expires_at__gt=now, expires_at__lte=until, warned_at=None
    )
    for workspace_id in _workspaces(soon):
        fold(workspace_id=workspace_id)
        _warn_one(workspace_id, soon, now)


@transaction.atomic
def _warn_one(workspace_id: int, soon: TenantQuerySet[CreditLot], now: datetime) -> None:
    wallet = _lock(workspace_id)
    lots = list(soon.filter(workspace_id=workspace_id).order_by("expires_at", "entry_id"))
    if not lots:
        return
    CreditLot.objects.of(workspace_id).filter(pk__in=[lot.pk for lot in lots]).update(warned_at=now)
    mail.add(
        key=f"credits_expire:{max(lot.pk for lot in lots)}",
        to=people.recipients(workspace_id=workspace_id),
        template="credits_expire",
        context={
            "workspace": wallet.workspace,
            "total": format_balance(sum(lot.remaining for lot in lots)),
            "first": lots[0].expires_at,
            "lots": [(format_balance(lot.remaining), lot.expires_at) for lot in lots],
        },
        workspace_id=workspace_id,
    )
