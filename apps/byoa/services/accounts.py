"""Adding, changing and removing accounts. Credentials go in and never come out.

The accounts are the operator's: the caller has made sure that it is the operator who asks.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.byoa import selectors
from apps.byoa.models import Account, AccountEvent, Status
from apps.byoa.services import statuses
from apps.byoa.services import terms as settings
from apps.byoa.services.checks import check_now
from apps.byoa.services.terms import Terms
from apps.core import sealing
from apps.core.errors import InvalidRequest, NotFound
from apps.providers.base import Access

__all__ = [
    "Terms",
    "add_account",
    "change",
    "check_change",
    "check_now",
    "checked_access",
    "pause",
    "remove",
    "resume",
    "set_credential",
]

_IN_USE = (Status.ACTIVE, Status.COOLING, Status.CHECKING)


def checked_access(*, provider: str, terms: Terms, credential: str) -> Access:
    """What an adapter would be given, for a check before anything is stored. Raises InvalidRequest."""
    settings.check_provider(provider)
    settings.check(terms)
    return Access(terms.base_url, settings.checked_credential(credential), terms.config)


@transaction.atomic
def add_account(*, provider: str, terms: Terms, credential: str) -> Account:
    """A new account in the operator's pool, ready for work. Raises InvalidRequest."""
    access = checked_access(provider=provider, terms=terms, credential=credential)
    fields: Any = settings.values_of(terms)
    account = Account.objects.create(provider=provider, **fields)
    _seal(account, access.credential)
    _note(account, "Added.")
    transaction.on_commit(selectors.forget_pool)
    return account


@transaction.atomic
def change(*, account_id: int, credential: str | None = None, **values: Any) -> Account:
    """Change some of the account's terms, and its credential if one is given. Raises InvalidRequest and NotFound.

    A credential is only ever sent to the server for which it was entered: for another one it must be given again.
    """
    account, now = _locked(account_id)
    terms = replace(settings.terms_of(account), **values)
    check_change(account=account, terms=terms, credential=credential)
    written = settings.values_of(terms)
    for name, value in written.items():
        setattr(account, name, value)
    account.save(update_fields=[*written, "updated_at"])
    if credential is not None:
        _replace(account, settings.checked_credential(credential), now)
    transaction.on_commit(selectors.forget_pool)
    return account


def check_change(*, account: Account, terms: Terms, credential: str | None) -> None:
    """Whether the account may get these terms and, unless it is None, this credential. Raises InvalidRequest."""
    settings.check(terms)
    moves = settings.origin(terms.base_url) != settings.origin(account.base_url)
    if moves and account.credential and credential is None:
        raise InvalidRequest.field(
            "base_url", "Another server needs the credential to be given again."
        )
    if credential is not None:
        settings.checked_credential(credential)


def set_credential(*, account_id: int, credential: str) -> Account:
    """Seal another credential in the place of the old one. A parked account is soon checked with it."""
    return change(account_id=account_id, credential=credential)


def pause(*, account_id: int) -> None:
    """Take no new tasks; what it has under way goes on."""
    _set_paused(account_id, is_paused=True)


def resume(*, account_id: int) -> None:
    """Take new tasks again, as far as its status allows."""
    _set_paused(account_id, is_paused=False)


def remove(*, account_id: int) -> None:
    """Delete the account. Its credential goes first and by itself, so that no failure after that keeps it.

    Attempts still open at the provider stay on record without an account: nobody can ask for their results any more.
    """
    with transaction.atomic():
        account, _ = _locked(account_id)
        account.credential, account.is_paused = "", True
        account.save(update_fields=["credential", "is_paused", "updated_at"])
    account.delete()
    transaction.on_commit(selectors.forget_pool)


def _locked(account_id: int) -> tuple[Account, datetime]:
    found = statuses.locked(account_id=account_id)
    if found is None:
        raise NotFound(f"There is no account {account_id}.")
    return found


def _seal(account: Account, credential: str) -> None:
    account.credential = credential and sealing.seal(credential, bound_to=account.sealed_to)
    account.save(update_fields=["credential", "updated_at"])


def _replace(account: Account, credential: str, now: datetime) -> None:
    _seal(account, credential)
    _note(account, "It was given another credential.")
    if account.status not in _IN_USE:
        # Somebody has acted: look again soon, whatever it was parked for.
        account.resume_at, account.failures = now, 0
        account.save(update_fields=["resume_at", "failures"])


@transaction.atomic
def _set_paused(account_id: int, *, is_paused: bool) -> None:
    account, _ = _locked(account_id)
    if account.is_paused != is_paused:
        account.is_paused = is_paused
        account.save(update_fields=["is_paused", "updated_at"])
        _note(account, "Paused." if is_paused else "Resumed.")
    transaction.on_commit(selectors.forget_pool)


def _note(account: Account, what: str) -> None:
    """A line in the history that is no change of status."""
    AccountEvent.objects.create(account=account, status=account.status, reason=what)
