"""Writing an account's status: the row, its history and the log, always together."""

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account, AccountEvent, Mode, Status
from apps.byoa.services import telling
from apps.core.logs import scrub
from apps.core.sealing import CannotOpen
from apps.providers.base import AccountNeedsOwner, BadCredentials, Standing

log = logging.getLogger(__name__)

_REASON_LENGTH = 500
# An account that comes and goes writes a row each time.
_HISTORY_DAYS = 90
_LAST_INSTANT = 253_402_300_799.0  # of the year 9999
_MOST_HOURS = Decimal(99_999)


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
    fields = ["status", "status_reason", "resume_at", "failures", "block_until"]
    if status != Status.BANNED:
        account.block_until = None
    if has_changed:
        account.status_since = Now()
        fields.append("status_since")
    account.save(update_fields=fields)
    if has_changed:
        event = AccountEvent.objects.create(account=account, status=status, reason=reason)
        _log(account, status)
        telling.of_status(account, event=event)
    transaction.on_commit(selectors.forget_pool)


def note(account: Account, what: str, *, status: str = "") -> AccountEvent:
    """A line in the history that is no change of status."""
    return AccountEvent.objects.create(
        account=account, status=status or account.status, reason=what
    )


def out_of_fast(account: Account, *, reason: str) -> None:
    """The locked account has no fast time left: it goes on with slow work, and stays with it until its owner says."""
    if account.is_out_of_fast:
        return
    account.is_out_of_fast, account.fast_hours = True, Decimal(0)
    if account.mode == Mode.FAST:
        account.mode = Mode.RELAX
    account.save(update_fields=["is_out_of_fast", "fast_hours", "mode"])
    event = note(account, reason, status=Status.NO_FAST_HOURS)
    telling.of_fast_hours(account, event=event)
    transaction.on_commit(selectors.forget_pool)


def learn(account: Account, standing: Standing) -> None:
    """Write what a check told of the locked account. What it did not tell stays."""
    if standing.plan is not None:
        account.plan = standing.plan[:30]
    if standing.has_relax is not None:
        account.has_relax = standing.has_relax
    if standing.is_flagged is not None:
        account.is_flagged = standing.is_flagged
    if standing.fast_hours is not None and standing.fast_hours > 0:
        account.fast_hours = min(Decimal(str(round(standing.fast_hours, 2))), _MOST_HOURS)
        if account.is_out_of_fast:
            account.is_out_of_fast = False
            note(account, stored.FAST_AGAIN)
    account.checked_at = Now()
    account.save(
        update_fields=[
            "plan", "has_relax", "is_flagged", "fast_hours", "is_out_of_fast", "checked_at",
        ]
    )  # fmt: skip
    if standing.fast_hours is not None and standing.fast_hours <= 0:
        out_of_fast(account, reason=stored.NO_FAST_LEFT)


def park(
    account: Account,
    *,
    status: str,
    reason: str,
    now: datetime,
    times: int = 0,
    block_until: datetime | None = None,
) -> None:
    """Take a locked account out of use until a check, after `times` checks in vain, or until its owner acts.

    `block_until`: when the provider says that a ban ends.
    """
    account.block_until = block_until
    resume_at = policies.recheck_at(
        status=status,
        times=times,
        now=now,
        block_until=block_until or account.config.get("block_until"),
    )
    write(account, status=status, reason=reason, resume_at=resume_at, failures=times)


def blocked_until(error: BadCredentials | AccountNeedsOwner) -> datetime | None:
    """When the provider says that the account may be used again; None for what cannot be a time."""
    until = getattr(error, "until", None)
    if until is None or not 0 < until < _LAST_INSTANT:
        return None
    return datetime.fromtimestamp(until, UTC)


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
