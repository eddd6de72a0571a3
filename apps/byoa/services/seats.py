"""Seats that end, and seats that come back: which accounts keep theirs, and what becomes of the others.

Nothing tells us when seats change at the payment provider; so sweeps compare, and pages that change seats call `sync`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.billing.selectors.subscriptions import seats_of
from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account, Status
from apps.byoa.services import backups, credentials, statuses, telling


def sync(*, workspace_id: int) -> int:
    """Park what has no seat any more, and bring back what has one again. Says how many accounts changed.

    The newest are parked first, the oldest come back first; tasks under way there end as usual. Safe to repeat and to
    race. Never inside a transaction.
    """
    changed, gone = _synced(workspace_id)
    for one in gone:
        backups.stand_in(one.account, key=f"account-event:{one.event_id}")
    return changed


def sync_due() -> int:
    """The same for every workspace where the numbers do not agree. Says how many accounts changed."""
    return sum(sync(workspace_id=workspace_id) for workspace_id in selectors.out_of_step())


@dataclass(frozen=True)
class _Gone:
    """An account that took tasks until its seat ended, one for each family."""

    account: Account
    event_id: int


@transaction.atomic
def _synced(workspace_id: int) -> tuple[int, list[_Gone]]:
    # Connecting holds the same lock, so the seats are counted by one at a time.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    seats = seats_of(workspace_id=workspace_id)
    rows = Account.objects.of(workspace_id).annotate(now=Now())
    accounts = list(rows.order_by("pk").select_for_update(no_key=True, of=("self",)))
    changed, gone = 0, []
    for family in sorted({one.family for one in accounts}):
        ours = [one for one in accounts if one.family == family]
        seated = [one for one in ours if one.seat_ended_at is None]
        left = seats.get(family, 0) - len(seated)
        if left < 0:
            gone += _park(seated[left:], seats=seats.get(family, 0))
            changed -= left
        elif left > 0:
            changed += _bring_back([one for one in ours if one not in seated], left)
    return changed, gone


def _park(accounts: Sequence[Account], *, seats: int) -> list[_Gone]:
    """Accounts of one family, all of which lose their seats."""
    now = accounts[0].now  # type: ignore[attr-defined]
    able = [one for one in accounts if policies.is_able(one, now=now)]
    for one in accounts:
        one.seat_ended_at = now
        one.save(update_fields=["seat_ended_at", "updated_at"])
    events = [statuses.note(one, stored.SEAT_ENDED) for one in accounts]
    keep_until = now + timedelta(days=settings.SEAT_CREDENTIAL_DAYS)
    telling.of_seats(accounts, seats=seats, keep_until=keep_until, event=events[0])
    return [_Gone(able[0], events[0].pk)] if able else []


def _bring_back(waiting: Sequence[Account], seats: int) -> int:
    """So many of those that wait, which are ordered by age. Who still has a credential comes first."""
    ready = sorted(waiting, key=lambda one: one.shredded_at is not None)[:seats]
    for one in ready:
        one.seat_ended_at = None
        one.save(update_fields=["seat_ended_at", "updated_at"])
        statuses.note(one, stored.SEAT_BACK)
        if one.shredded_at is not None:
            # No check could find anything else, so none is due.
            statuses.write(one, status=Status.SETUP_REQUIRED, reason=stored.GIVE_AGAIN)
    return len(ready)


def shred_due(*, limit: int = 100) -> int:
    """Destroy the credentials of accounts that have been without a seat for SEAT_CREDENTIAL_DAYS. Says how many."""
    for done in range(limit):
        if not _shred_one():
            return done
    return limit


@transaction.atomic
def _shred_one() -> bool:
    ended_before = Now() - timedelta(days=settings.SEAT_CREDENTIAL_DAYS)
    account = (
        Account.objects.across_workspaces()
        .filter(seat_ended_at__lte=ended_before, shredded_at=None)
        .order_by("pk")
        .select_for_update(skip_locked=True, no_key=True)
        .first()
    )
    if account is None:
        return False
    credentials.shred(account)
    account.shredded_at, account.resume_at = Now(), None
    account.save(update_fields=["shredded_at", "resume_at", "updated_at"])
    statuses.note(account, stored.SHREDDED)
    return True
