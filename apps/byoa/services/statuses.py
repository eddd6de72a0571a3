"""Writing an account's status: the row, its history and the log, always together."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from apps.byoa import policies, selectors
from apps.byoa.models import Account, AccountEvent, Status
from apps.core.logs import scrub
from apps.core.sealing import CannotOpen
from apps.providers.base import AccountNeedsOwner, BadCredentials

log = logging.getLogger(__name__)

_REASON_LENGTH = 500
# An account that comes and goes writes a row each time.
_HISTORY_DAYS = 90


def locked(*, account_id: int) -> tuple[Account, datetime] | None:
    """The account, locked to the end of the caller's transaction, and the database's time; None when it is gone."""
    row = (
        Account.objects.across_workspaces()
        .select_for_update(no_key=True)
        .annotate(now=Now())
        .filter(pk=account_id)
        .first()
    )
    return None if row is None else (row, row.now)


def write(
    account: Account,
    *,
    status: str,
    reason: str,
    resume_at: datetime | None = None,
    failures: int = 0,
) -> None:
    """Write the status of an account that the caller has locked. A change of it goes into the history."""
    has_changed = account.status != status
    account.status, account.status_reason = status, reason
    account.resume_at, account.failures = resume_at, failures
    fields = ["status", "status_reason", "resume_at", "failures"]
    if has_changed:
        account.status_since = Now()
        fields.append("status_since")
        AccountEvent.objects.create(account=account, status=status, reason=reason)
        _log(account, status)
    account.save(update_fields=fields)
    transaction.on_commit(selectors.forget_pool)


def park(account: Account, *, status: str, reason: str, now: datetime, times: int = 0) -> None:
    """Take a locked account out of use until a check, after `times` checks in vain, or until its owner acts."""
    resume_at = policies.recheck_at(
        status=status, times=times, now=now, block_until=account.config.get("block_until")
    )
    write(account, status=status, reason=reason, resume_at=resume_at, failures=times)


def parked(error: BadCredentials | AccountNeedsOwner) -> str:
    """The status that the error means; the words of `Need` are those of `Status`."""
    if isinstance(error, BadCredentials):
        return Status.INVALID_CREDENTIALS
    return Status(error.need.value)


def _log(account: Account, status: str) -> None:
    level = logging.INFO if status == Status.ACTIVE else logging.WARNING
    facts = {"account": account.pk, "provider": account.provider, "status": status}
    log.log(level, "account changed", extra=facts)


def reason(account: Account, error: Exception) -> str:
    """What the provider said, for the account's owner: without the credential, even where the provider repeats it."""
    try:
        secret = selectors.access(account).credential
    except CannotOpen:
        secret = ""
    return scrub(policies.without(str(error), secret=secret))[:_REASON_LENGTH]


def forget_old_events() -> int:
    """Remove history of more than ninety days, but for each account's newest row. Says how many."""
    newest = AccountEvent.objects.values("account").annotate(newest=Max("id")).values("newest")
    old = AccountEvent.objects.filter(created_at__lt=Now() - timedelta(days=_HISTORY_DAYS))
    return old.exclude(id__in=newest).delete()[0]
