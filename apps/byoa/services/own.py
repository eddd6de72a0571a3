"""A workspace's own accounts: connecting, changing, checking and deleting them.

Whatever changes here leaves an audit event, which names the account and never its credential or the path of its
address. An account of somebody else is not found. What asks a provider needs seconds: never in a transaction.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account, Mode, Status
from apps.byoa.services import accounts, backups, checks, statuses
from apps.byoa.services import terms as settings
from apps.byoa.services.connecting import (
    audited,
    check_before,
    checked_key,
    connect,
    refusal,
    standing_of,
    taken,
)
from apps.byoa.services.terms import Terms
from apps.core import webhook_urls
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence
from apps.providers.base import Access, BadCredentials, ProviderError, Standing

__all__ = [
    "change",
    "check_before",
    "connect",
    "delete",
    "mine",
    "pause",
    "recheck",
    "replace_credential",
    "start",
]

_RENT_FIRST = sentence("Its seat has ended. Rent a seat first.")


def change(
    *,
    workspace: Workspace,
    actor: User | None,
    ip: str | None,
    account_id: int,
    credential: str | None = None,
    **values: Any,
) -> Account:
    """Change some of the account's terms, and its credential if one is given; that one is tried first.

    Setting Midjourney's mode to fast also says that there is fast time again. Raises InvalidRequest and NotFound.
    """
    found = selectors.own_account(workspace_id=workspace.pk, account_id=account_id)
    terms = _changed_terms(found, values)
    key = None if credential is None else checked_key(credential)
    accounts.check_change(account=found, terms=terms, credential=key)
    standing = None
    if key is not None:
        standing = _asked_again(found, Access(terms.base_url, key, terms.config))
    with transaction.atomic():
        account, now = _locked(workspace.pk, account_id)
        terms = _changed_terms(account, values)
        accounts.check_change(account=account, terms=terms, credential=key)
        told = _told(account, terms)
        _says_fast(account, values)
        accounts.write_terms(account, terms)
        if key is not None:
            _replace(account, key, now, standing)
        if told or key is not None:
            detail = {**told, **({"credential": "replaced"} if key is not None else {})}
            audited(account, actor, ip, "account.changed", detail)
    return account


def replace_credential(
    *, workspace: Workspace, actor: User | None, ip: str | None, account_id: int, credential: str
) -> Account:
    """Put another credential in the place of the old one, unless its provider says that it is wrong."""
    return change(
        workspace=workspace, actor=actor, ip=ip, account_id=account_id, credential=credential
    )


def _changed_terms(account: Account, values: Mapping[str, Any]) -> Terms:
    before = settings.terms_of(account)
    terms = replace(before, **values)
    if terms.families != before.families:
        raise InvalidRequest.field(
            "families", sentence("An account stays with the family of its seat.")
        )
    if terms.base_url != before.base_url:
        webhook_urls.check(terms.base_url, field="base_url")
    return terms


def _asked_again(account: Account, access: Access) -> Standing | None:
    """What the provider says to another credential; None where it says nothing of it. Raises InvalidRequest."""
    if account.seat_ended_at is not None:
        raise InvalidRequest.field("credential", _RENT_FIRST)
    try:
        return standing_of(account.provider, access)
    except BadCredentials as error:
        raise refusal(error, access.credential) from None
    except ProviderError:
        # A captcha, a ban, a server that is down: nothing that speaks against the new one.
        return None


def _replace(account: Account, key: str, now: datetime, standing: Standing | None) -> None:
    try:
        with transaction.atomic():
            accounts.replace_credential(account, key, now)
    except IntegrityError:
        raise taken() from None
    if account.shredded_at is not None:
        account.shredded_at = None
        account.save(update_fields=["shredded_at"])
    if standing is not None:
        statuses.write(account, status=Status.ACTIVE, reason="")
        statuses.learn(account, standing)


def _says_fast(account: Account, values: Mapping[str, Any]) -> None:
    """Not every provider tells that fast hours were bought; the owner does so by choosing fast work."""
    if values.get("mode") == Mode.FAST and account.is_out_of_fast:
        account.is_out_of_fast, account.fast_hours = False, None
        account.save(update_fields=["is_out_of_fast", "fast_hours"])
        statuses.note(account, stored.OWNER_SAYS_FAST)


# What an audit event may repeat; of an address the host, of the other options that they changed.
_TOLD = tuple(name for name in settings.NAMES if name not in ("base_url", "config", "families"))


def _told(account: Account, terms: Terms) -> dict[str, Any]:
    """The settings that change, for the audit event."""
    before = settings.terms_of(account)
    told: dict[str, Any] = {
        name: _plain(getattr(terms, name))
        for name in _TOLD
        if getattr(terms, name) != getattr(before, name)
    }
    if terms.base_url != before.base_url:
        told["host"] = webhook_urls.host_of(terms.base_url)
    if dict(terms.config) != dict(before.config):
        told["config"] = "changed"
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int) else str(value)


# ----------------------------------------------------------------- pausing and starting
def pause(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> None:
    """Take no new tasks. What it has under way goes on, and so do follow-ups of what it made."""
    account, event_id = _set_paused(workspace, actor, ip, account_id, is_paused=True)
    if event_id is not None:
        backups.stand_in(account, key=f"account-event:{event_id}")


def start(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> None:
    """Take new tasks again, as far as its status allows."""
    _set_paused(workspace, actor, ip, account_id, is_paused=False)


@transaction.atomic
def _set_paused(
    workspace: Workspace, actor: User | None, ip: str | None, account_id: int, *, is_paused: bool
) -> tuple[Account, int | None]:
    """The account, and the history's line when it took tasks until now."""
    account, now = _locked(workspace.pk, account_id)
    was_able = policies.is_able(account, now=now)
    event = accounts.put_paused(account, is_paused=is_paused)
    if event is None:
        return account, None
    audited(account, actor, ip, "account.paused" if is_paused else "account.started", {})
    return account, event.pk if was_able else None


# -------------------------------------------------------------------- checking, deleting
def recheck(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> str:
    """Ask the provider now. A sentence when the account works, and it is active again; else InvalidRequest.

    This is how an owner says that a captcha is solved, a ban over, a plan renewed.
    """
    account = selectors.own_account(workspace_id=workspace.pk, account_id=account_id)
    if account.seat_ended_at is not None:
        raise InvalidRequest(_RENT_FIRST)
    audited(account, actor, ip, "account.checked", {})
    try:
        return checks.check_now(account_id=account_id)
    except ProviderError as error:
        said = statuses.reason(account, error)
        raise InvalidRequest(sentence("The provider says: {said}", said=said)) from None


def delete(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> int:
    """Delete the account; its credential goes first and by itself. Says how many tasks were under way there.

    Nobody can ask for the results of those any more, and nothing can continue what it made.
    """
    with transaction.atomic():
        account, now = _locked(workspace.pk, account_id)
        was_able = policies.is_able(account, now=now)
        running = account.leases.filter(expires_at__gt=Now()).count()
        accounts.shut(account)
        audited(account, actor, ip, "account.deleted", {"running": running})
    account.delete()
    if was_able:
        backups.stand_in(account, key=f"deleted:{account_id}")
    return running


def mine(*, workspace_id: int) -> list[Account]:
    """The workspace's accounts by family, oldest first, with `now` (the database's) and `in_use` (slots)."""
    rows = selectors.own_accounts(workspace_id=workspace_id)
    return list(rows.order_by("families", "id"))


def _locked(workspace_id: int, account_id: int) -> tuple[Account, datetime]:
    found = statuses.locked(account_id=account_id)
    if found is None or found[0].workspace_id != workspace_id:
        raise NotFound(sentence("There is no account {id}.", id=account_id))
    return found
