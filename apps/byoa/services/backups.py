"""Backup accounts: they take nothing until the others cannot, and then all of them take tasks like any other.

They stay activated: only who deletes one and connects it again has a backup again.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models.functions import Now

from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account
from apps.byoa.services import statuses, telling

# Families whose accounts have paid fast time.
_WITH_FAST_TIME = frozenset({"midjourney"})


def activate(*, workspace_id: int, family: str) -> int:
    """Activate the family's backups if it is time. Says how many; safe to repeat and to race."""
    waiting = Account.objects.of(workspace_id).filter(
        families=[family], is_backup=True, backup_activated_at=None, seat_ended_at=None
    )
    # Nearly always there are none, and then nothing is locked.
    return _activate(workspace_id, family) if waiting.exists() else 0


def stand_in(account: Account, *, key: str) -> None:
    """After an account went away, in a transaction that has ended: its family's backups, and a word where none is left.

    `key` names the cause, as in `telling.of_none_left`.
    """
    if account.workspace_id is None:
        return
    activate(workspace_id=account.workspace_id, family=account.family)
    telling.of_none_left(account, key=key)


def activate_due() -> int:
    """The same for every workspace that has backups waiting. Says how many were activated."""
    waiting = Account.objects.across_workspaces().filter(
        workspace__isnull=False, is_backup=True, backup_activated_at=None, seat_ended_at=None
    )
    pairs = sorted({(row.workspace_id or 0, row.family) for row in waiting})
    return sum(activate(workspace_id=workspace, family=family) for workspace, family in pairs)


@transaction.atomic
def _activate(workspace_id: int, family: str) -> int:
    rows = selectors.own_accounts(workspace_id=workspace_id, family=family)
    ids = list(rows.filter(seat_ended_at=None).values_list("pk", flat=True))
    # Locked first, so that of two who do this at once the second finds it done.
    list(
        Account.objects.of(workspace_id)
        .filter(pk__in=ids)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    accounts = list(rows.filter(pk__in=ids))
    backups = [one for one in accounts if one.is_backup and one.backup_activated_at is None]
    others = [one for one in accounts if one not in backups]
    reason = _reason(family, others)
    if not backups or not reason:
        return 0
    Account.objects.of(workspace_id).filter(pk__in=[one.pk for one in backups]).update(
        backup_activated_at=Now()
    )
    events = [statuses.note(one, stored.BACKUP_ACTIVATED.format(reason=reason)) for one in backups]
    telling.of_backups(backups, reason=reason, event=events[0])
    return len(backups)


def _reason(family: str, others: Sequence[Account]) -> str:
    """Why backups are needed; empty when they are not."""
    there = [one for one in others if policies.is_able(one, now=one.now)]  # type: ignore[attr-defined]
    if not there:
        return stored.NO_OTHER_ACTIVE
    if family in _WITH_FAST_TIME and all(one.is_out_of_fast for one in there):
        return stored.NO_OTHER_FAST
    return ""
