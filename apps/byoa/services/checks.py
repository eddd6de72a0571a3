"""Asking a provider whether an account works: when it was parked long enough, and when its owner wants to know."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account, Status
from apps.byoa.services import statuses
from apps.core import egress
from apps.core.errors import NotFound
from apps.core.sealing import CannotOpen
from apps.core.sentences import sentence
from apps.providers import flow, registry
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    ProviderUnavailable,
    Standing,
)

log = logging.getLogger(__name__)

# A check is a few exchanges of half a minute at most. A process that dies over one is succeeded after this long.
_LEASE = timedelta(seconds=120)
_IN_USE = (Status.ACTIVE, Status.COOLING)


def ask(*, provider: str, access: Access) -> Standing:
    """What the provider says of the account. Raises ProviderError. Writes nothing; needs seconds."""
    steps = registry.adapter(provider).check(access)
    return flow.run(steps, egress.send)


def check_now(*, account_id: int) -> str:
    """Check an account at once, whatever its status, and write what came of it. Never inside a transaction.

    A sentence for the owner when it works, and it is active again. Raises ProviderError with the provider's words when
    it does not, and NotFound. This is how an owner says that a captcha is solved or a ban is over.
    """
    account = Account.objects.across_workspaces().filter(pk=account_id).first()
    if account is None:
        raise NotFound(sentence("There is no account {id}.", id=account_id))
    answer = _answer(account)
    _record(account_id, answer)
    if answer.error is not None:
        raise answer.error
    return answer.standing.sentence


def heal(*, limit: int = 20) -> int:
    """Check parked accounts that are due, one after the other, until none is left or `limit` were. Says how many.

    Any number of processes may do this at once: each takes other accounts.
    """
    for done in range(limit):
        taken = _take_due()
        if taken is None:
            return done
        account, was = taken
        _record(account.pk, _answer(account), was=was)
    return limit


_WORKS = Standing(sentence("It works."))


@dataclass(frozen=True)
class _Answer:
    standing: Standing = _WORKS
    error: ProviderError | None = None


def _answer(account: Account) -> _Answer:
    try:
        return _Answer(ask(provider=account.provider, access=selectors.access(account)))
    except ProviderError as error:
        return _Answer(error=error)
    except (CannotOpen, registry.UnknownProvider) as error:
        return _Answer(error=AccountNeedsOwner(str(error), need=Need.SETUP))
    except Exception as error:
        # A fault of ours must not keep the other accounts from being checked.
        log.exception("check failed", extra={"account": account.pk, "provider": account.provider})
        words = stored.CHECK_BROKE.format(kind=type(error).__name__)
        return _Answer(error=ProviderUnavailable(words))


@transaction.atomic
def _take_due() -> tuple[Account, str] | None:
    """The parked account that waits longest, now `checking`, and the status it had."""
    account = (
        Account.objects.across_workspaces()
        .exclude(status__in=_IN_USE)
        .filter(is_paused=False, seat_ended_at=None, resume_at__lte=Now())
        .order_by("resume_at", "id")
        .select_for_update(skip_locked=True, no_key=True)
        .first()
    )
    if account is None:
        return None
    was = account.status if account.status != Status.CHECKING else _status_before(account)
    # Neither a change for the history nor for its age: most checks find what the last one found.
    Account.objects.across_workspaces().filter(pk=account.pk).update(
        status=Status.CHECKING, resume_at=Now() + _LEASE
    )
    return account, was


def _status_before(account: Account) -> str:
    """Of an account whose checker died: the history has no row for `checking`."""
    newest = account.events.exclude(status=Status.CHECKING).order_by("-id").first()
    return newest.status if newest is not None else Status.SETUP_REQUIRED


@transaction.atomic
def _record(account_id: int, answer: _Answer, *, was: str | None = None) -> None:
    """Write what a check found. `was` is the status before a check of ours, None for one that the owner wanted."""
    found = statuses.locked(account_id=account_id)
    if found is None:
        return
    account, now = found
    if was is not None:
        if account.status != Status.CHECKING:
            # Somebody else, its owner perhaps, knew better meanwhile.
            return
        account.status = was
    if answer.error is None:
        statuses.write(account, status=Status.ACTIVE, reason="")
        statuses.learn(account, answer.standing)
    elif isinstance(answer.error, AccountNeedsOwner) and answer.error.need == Need.FAST_HOURS:
        statuses.write(account, status=Status.ACTIVE, reason="")
        statuses.out_of_fast(account, reason=statuses.reason(account, answer.error))
    elif isinstance(answer.error, BadCredentials | AccountNeedsOwner):
        _still_parked(account, answer.error, now)
    elif was is not None:
        _ask_later(account, now)


def _still_parked(
    account: Account, error: BadCredentials | AccountNeedsOwner, now: datetime
) -> None:
    status = statuses.parked(error)
    times = account.failures + 1 if account.status == status else 0
    statuses.park(
        account,
        status=status,
        reason=statuses.reason(account, error),
        now=now,
        times=times,
        block_until=statuses.blocked_until(error),
    )


def _ask_later(account: Account, now: datetime) -> None:
    """Nobody could say; it is what it was, for longer."""
    times = account.failures + 1
    statuses.write(
        account,
        status=account.status,
        reason=account.status_reason,
        resume_at=now + policies.recheck_after(times=times),
        failures=times,
    )
