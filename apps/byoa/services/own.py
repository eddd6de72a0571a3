"""A workspace's own accounts: connecting, changing, checking and deleting them.

Whatever changes here leaves an audit event, which names the account and never its credential or the path of its
address. An account of somebody else is not found. What asks a provider needs seconds: never in a transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.byoa import policies, selectors
from apps.byoa.models import Account, Mode, Status
from apps.byoa.selectors import NoSeat
from apps.byoa.services import accounts, backups, checklist, checks, credentials, statuses
from apps.byoa.services import terms as settings
from apps.byoa.services.terms import MIDJOURNEY, Terms
from apps.core import webhook_urls
from apps.core.errors import InvalidRequest, NotFound
from apps.core.logs import scrub
from apps.providers import registry
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    Standing,
)

_LONGEST_WORDS = 300


# ------------------------------------------------------------------------------ connecting
def check_before(
    *, workspace: Workspace, family: str, provider: str, terms: Terms, credential: str
) -> Standing:
    """What the provider says of an account before it is connected; nothing is stored. Raises as `connect` does."""
    return _asked(_wanted(workspace, family, provider, terms, credential))


def connect(
    *,
    workspace: Workspace,
    actor: User | None,
    ip: str | None,
    family: str,
    provider: str,
    terms: Terms,
    credential: str,
    confirmed: bool,
) -> Account:
    """Put an account on a free seat of the family, once its provider accepts it.

    `confirmed`: its owner has said that the account is theirs to use so. An empty `base_url` is the provider's own.
    Raises NoSeat, and InvalidRequest naming the field; nothing is stored then.
    """
    if not confirmed:
        raise InvalidRequest.field("confirmed", "Confirm that the account is yours to use so.")
    wanted = _wanted(workspace, family, provider, terms, credential)
    standing = _asked(wanted)
    return _connected(wanted, standing, actor, ip)


@dataclass(frozen=True)
class _Wanted:
    """An account that could be connected, as far as can be told without asking its provider."""

    workspace: Workspace
    provider: str
    terms: Terms
    credential: str = field(repr=False)

    @property
    def family(self) -> str:
        return self.terms.families[0]

    @property
    def access(self) -> Access:
        return Access(self.terms.base_url, self.credential, self.terms.config)


def _wanted(
    workspace: Workspace, family: str, provider: str, terms: Terms, credential: str
) -> _Wanted:
    _require_seat(workspace.pk, family)
    providers = selectors.providers_for(family)
    if provider not in providers:
        known = ", ".join(providers) or "none"
        raise InvalidRequest.field("provider", f"It must be one of these: {known}.")
    mode = terms.mode or (Mode.FAST if family == MIDJOURNEY else Mode.ANY)
    base_url = terms.base_url or registry.adapter(provider).base_url_default
    terms = replace(terms, families=(family,), mode=mode, base_url=base_url)
    settings.check(terms)
    webhook_urls.check(base_url, field="base_url")
    key = _checked(credential)
    _require_no_other_seat(provider, base_url, key)
    return _Wanted(workspace, provider, terms, key)


def _require_seat(workspace_id: int, family: str) -> None:
    if not selectors.seats_left(workspace_id=workspace_id, family=family):
        raise NoSeat(f"There is no free seat for {family[:50]} in this workspace. Rent one first.")


def _checked(credential: str) -> str:
    key = settings.checked_credential(credential)
    if not key:
        raise InvalidRequest.field("credential", "It is needed.")
    return key


def _require_no_other_seat(provider: str, base_url: str, credential: str) -> None:
    found = credentials.digest(provider=provider, base_url=base_url, credential=credential)
    if Account.objects.across_workspaces().filter(credential_digest=found).exists():
        raise _taken()


def _taken() -> InvalidRequest:
    # Whose seat that is stays untold.
    return InvalidRequest.field(
        "credential", "This account is connected on another seat already. An account has one seat."
    )


def _asked(wanted: _Wanted) -> Standing:
    try:
        return _standing(wanted.provider, wanted.access)
    except ProviderError as error:
        raise _refusal(error, wanted.credential) from None


def _standing(provider: str, access: Access) -> Standing:
    """What the provider says. Without fast hours an account still does slow work. Raises ProviderError."""
    try:
        return checks.ask(provider=provider, access=access)
    except AccountNeedsOwner as error:
        if error.need != Need.FAST_HOURS:
            raise
        return Standing("It works, but has no fast hours left.", fast_hours=0)


def _refusal(error: ProviderError, credential: str) -> InvalidRequest:
    """`detail` also names the line of the checklist that is red, with what to do."""
    is_about_key = isinstance(error, BadCredentials | AccountNeedsOwner)
    field = "credential" if is_about_key else "base_url"
    said = f"The provider says: {_words(error, credential)}"
    line, do = checklist.red(error)
    detail = {"field": field, "line": line, "do": do, "said": said}
    return InvalidRequest(f"{field}: {said}", detail=detail)


def _words(error: ProviderError, credential: str) -> str:
    said = scrub(policies.without(str(error), secret=credential))
    return said[:_LONGEST_WORDS] or "nothing."


@transaction.atomic
def _connected(wanted: _Wanted, standing: Standing, actor: User | None, ip: str | None) -> Account:
    # Of two who take the last seat at once the second sees the first one's account.
    Workspace.objects.select_for_update(no_key=True).get(pk=wanted.workspace.pk)
    _require_seat(wanted.workspace.pk, wanted.family)
    fields: Any = settings.values_of(wanted.terms) | {"slots": _slots(wanted.terms, standing)}
    account = Account.objects.create(
        workspace=wanted.workspace,
        provider=wanted.provider,
        confirmed_at=Now(),
        created_by=actor,
        **fields,
    )
    _put(account, wanted.credential)
    statuses.note(account, "Connected.")
    statuses.learn(account, standing)
    _audit(account, actor, ip, "account.connected", {"host": _host(account.base_url)})
    account.refresh_from_db()
    return account


def _slots(terms: Terms, standing: Standing) -> int:
    """As many as its provider allows; fewer where its owner says so."""
    if not standing.slots:
        return terms.slots
    return standing.slots if terms.slots == Terms.slots else min(terms.slots, standing.slots)


def _put(account: Account, credential: str) -> None:
    try:
        with transaction.atomic():
            credentials.put(account, credential)
    except IntegrityError:
        raise _taken() from None


# -------------------------------------------------------------------------------- changing
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
    key = None if credential is None else _checked(credential)
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
            _audit(account, actor, ip, "account.changed", detail)
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
        raise InvalidRequest.field("families", "An account stays with the family of its seat.")
    if terms.base_url != before.base_url:
        webhook_urls.check(terms.base_url, field="base_url")
    return terms


def _asked_again(account: Account, access: Access) -> Standing | None:
    """What the provider says to another credential; None where it says nothing of it. Raises InvalidRequest."""
    if account.seat_ended_at is not None:
        raise InvalidRequest.field("credential", "Its seat has ended. Rent a seat first.")
    try:
        return _standing(account.provider, access)
    except BadCredentials as error:
        raise _refusal(error, access.credential) from None
    except ProviderError:
        # A captcha, a ban, a server that is down: nothing that speaks against the new one.
        return None


def _replace(account: Account, key: str, now: datetime, standing: Standing | None) -> None:
    try:
        with transaction.atomic():
            accounts.replace_credential(account, key, now)
    except IntegrityError:
        raise _taken() from None
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
        statuses.note(account, "Its owner says that it has fast hours again.")


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
        told["host"] = _host(terms.base_url)
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
    _audit(account, actor, ip, "account.paused" if is_paused else "account.started", {})
    return account, event.pk if was_able else None


# -------------------------------------------------------------------- checking, deleting
def recheck(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> str:
    """Ask the provider now. A sentence when the account works, and it is active again; else InvalidRequest.

    This is how an owner says that a captcha is solved, a ban over, a plan renewed.
    """
    account = selectors.own_account(workspace_id=workspace.pk, account_id=account_id)
    if account.seat_ended_at is not None:
        raise InvalidRequest("Its seat has ended. Rent a seat first.")
    _audit(account, actor, ip, "account.checked", {})
    try:
        return checks.check_now(account_id=account_id)
    except ProviderError as error:
        raise InvalidRequest(f"The provider says: {statuses.reason(account, error)}") from None


def delete(*, workspace: Workspace, actor: User | None, ip: str | None, account_id: int) -> int:
    """Delete the account; its credential goes first and by itself. Says how many tasks were under way there.

    Nobody can ask for the results of those any more, and nothing can continue what it made.
    """
    with transaction.atomic():
        account, now = _locked(workspace.pk, account_id)
        was_able = policies.is_able(account, now=now)
        running = account.leases.filter(expires_at__gt=Now()).count()
        accounts.shut(account)
        _audit(account, actor, ip, "account.deleted", {"running": running})
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
        raise NotFound(f"There is no account {account_id}.")
    return found


def _audit(
    account: Account, actor: User | None, ip: str | None, action: str, detail: Mapping[str, Any]
) -> None:
    audit(
        workspace_id=account.workspace_id or 0,
        actor=actor,
        action=action,
        target=account.label,
        ip=ip,
        detail={
            "account": account.pk,
            "family": account.family,
            "provider": account.provider,
            **detail,
        },
    )


def _host(base_url: str) -> str:
    return webhook_urls.host_of(base_url)
