"""Adding, changing and removing the operator's accounts. Credentials go in and never come out.

The caller has made sure that it is the operator who asks. What customers connect is not found here (`services.own`).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.byoa import selectors, stored
from apps.byoa.models import Account, AccountEvent, Status
from apps.byoa.services import checks, credentials, statuses
from apps.byoa.services import terms as settings
from apps.byoa.services.terms import Terms
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence
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

IN_USE = (Status.ACTIVE, Status.COOLING, Status.CHECKING)


def checked_access(*, provider: str, terms: Terms, credential: str) -> Access:
    """What an adapter would be given, for a check before anything is stored. Raises InvalidRequest."""
    settings.check_provider(provider)
    terms = settings.with_address(terms, provider=provider)
    settings.check(terms)
    return Access(terms.base_url, settings.checked_credential(credential), terms.config)


@transaction.atomic
def add_account(*, provider: str, terms: Terms, credential: str) -> Account:
    """A new account in the operator's pool, ready for work. Raises InvalidRequest."""
    access = checked_access(provider=provider, terms=terms, credential=credential)
    terms = settings.with_address(terms, provider=provider)
    if terms.is_backup:
        raise InvalidRequest.field("is_backup", "The operator's pool has no backups.")
    fields: Any = settings.values_of(terms)
    account = Account.objects.create(provider=provider, **fields)
    credentials.put(account, access.credential)
    statuses.note(account, stored.ADDED)
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
    write_terms(account, terms)
    if credential is not None:
        replace_credential(account, settings.checked_credential(credential), now)
    transaction.on_commit(selectors.forget_pool)
    return account


def check_change(*, account: Account, terms: Terms, credential: str | None) -> None:
    """Whether the account may get these terms and, unless it is None, this credential. Raises InvalidRequest."""
    settings.check(terms)
    if terms.is_backup != account.is_backup:
        raise InvalidRequest.field(
            "is_backup",
            sentence("That is said when it is connected: delete it and connect it again."),
        )
    moves = settings.origin(terms.base_url) != settings.origin(account.base_url)
    if moves and account.credential and credential is None:
        raise InvalidRequest.field(
            "base_url", sentence("Another server needs the credential to be given again.")
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


def check_now(*, account_id: int) -> str:
    """Ask its provider now, as `checks.check_now` does."""
    if not Account.objects.across_workspaces().filter(pk=account_id, workspace=None).exists():
        raise NotFound(sentence("There is no account {id}.", id=account_id))
    return checks.check_now(account_id=account_id)


def remove(*, account_id: int) -> None:
    """Delete the account. Its credential goes first and by itself, so that no failure after that keeps it.

    Attempts still open at the provider stay on record without an account: nobody can ask for their results any more.
    """
    with transaction.atomic():
        account, _ = _locked(account_id)
        shut(account)
    account.delete()
    transaction.on_commit(selectors.forget_pool)


# ------------------------------------------------------------- of accounts that are locked
def write_terms(account: Account, terms: Terms) -> None:
    """Into the row; `check_change` has been asked."""
    written = settings.values_of(terms)
    for name, value in written.items():
        setattr(account, name, value)
    account.save(update_fields=[*written, "updated_at"])


def replace_credential(account: Account, credential: str, now: datetime) -> None:
    """Put another credential in the place of the old one."""
    credentials.put(account, credential)
    statuses.note(account, stored.OTHER_CREDENTIAL)
    if account.status not in IN_USE:
        # Somebody has acted: look again soon, whatever it was parked for.
        account.resume_at, account.failures = now, 0
        account.save(update_fields=["resume_at", "failures"])


def shut(account: Account) -> None:
    """Before a removal: it can do nothing any more."""
    credentials.shred(account)
    account.is_paused = True
    account.save(update_fields=["is_paused", "updated_at"])


def put_paused(account: Account, *, is_paused: bool) -> AccountEvent | None:
    """Pause or start it; the history's line, None when it was so already."""
    if account.is_paused == is_paused:
        return None
    account.is_paused = is_paused
    account.save(update_fields=["is_paused", "updated_at"])
    return statuses.note(account, stored.PAUSED if is_paused else stored.RESUMED)


def _locked(account_id: int) -> tuple[Account, datetime]:
    found = statuses.locked(account_id=account_id)
    if found is None or found[0].workspace_id is not None:
        raise NotFound(sentence("There is no account {id}.", id=account_id))
    return found


@transaction.atomic
def _set_paused(account_id: int, *, is_paused: bool) -> None:
    account, _ = _locked(account_id)
    put_paused(account, is_paused=is_paused)
    transaction.on_commit(selectors.forget_pool)
