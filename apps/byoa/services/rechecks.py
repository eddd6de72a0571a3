"""Asking providers from time to time about accounts that work: whether they do, their plan, their fast hours."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.byoa import selectors
from apps.byoa.models import Account, Status
from apps.byoa.services import checks, health, statuses
from apps.core.sealing import CannotOpen
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    Standing,
)
from apps.providers.registry import UnknownProvider

log = logging.getLogger(__name__)

_CUSTOMERS_EVERY = timedelta(hours=6)
# The operator's: only those whose provider tells of fast hours, which go down as everybody works.
_OPERATORS_EVERY = timedelta(minutes=10)


def recheck_due(*, limit: int = 10) -> int:
    """Check accounts that were not asked about for long, one after the other. Says how many; safe to race.

    An answer is learnt, a refusal parks the account, and no answer changes nothing.
    """
    for done in range(limit):
        account = _take()
        if account is None:
            return done
        _look(account)
    return limit


@transaction.atomic
def _take() -> Account | None:
    """The account that waits longest, now marked as asked about."""
    tells_hours = Q(fast_hours__isnull=False) | Q(checked_at=None)
    is_due = (
        Q(checked_at=None)
        | Q(workspace__isnull=False, checked_at__lte=Now() - _CUSTOMERS_EVERY)
        | Q(workspace=None, checked_at__lte=Now() - _OPERATORS_EVERY)
    )
    account = (
        Account.objects.across_workspaces()
        .filter(is_due, Q(workspace__isnull=False) | tells_hours)
        .filter(status=Status.ACTIVE, is_paused=False, seat_ended_at=None)
        .order_by(F("checked_at").asc(nulls_first=True), "pk")
        .select_for_update(skip_locked=True, no_key=True, of=("self",))
        .first()
    )
    if account is not None:
        Account.objects.across_workspaces().filter(pk=account.pk).update(checked_at=Now())
    return account


def _look(account: Account) -> None:
    try:
        standing = checks.ask(provider=account.provider, access=selectors.access(account))
    except (BadCredentials, AccountNeedsOwner) as error:
        health.failed(account_id=account.pk, error=error)
    except (CannotOpen, UnknownProvider) as error:
        health.failed(account_id=account.pk, error=AccountNeedsOwner(str(error), need=Need.SETUP))
    except ProviderError:
        # Tasks will tell whether its server is really away.
        return
    except Exception:
        # A fault of ours must not keep the other accounts from being asked about.
        log.exception("check failed", extra={"account": account.pk, "provider": account.provider})
    else:
        _learn(account.pk, standing)


@transaction.atomic
def _learn(account_id: int, standing: Standing) -> None:
    found = statuses.locked(account_id=account_id)
    if found is not None and found[0].status in (Status.ACTIVE, Status.COOLING):
        statuses.learn(found[0], standing)
