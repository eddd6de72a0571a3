"""Putting an account on a seat of a workspace. `services.own` has what happens to it afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.byoa import policies, selectors, stored
from apps.byoa.models import Account, Mode
from apps.byoa.selectors import NoSeat
from apps.byoa.services import checklist, checks, credentials, statuses
from apps.byoa.services import terms as settings
from apps.byoa.services.terms import MIDJOURNEY, Terms
from apps.core import webhook_urls
from apps.core.errors import InvalidRequest
from apps.core.logs import scrub
from apps.core.sentences import sentence
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    Standing,
)

_LONGEST_WORDS = 300


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
        raise InvalidRequest.field(
            "confirmed", sentence("Confirm that the account is yours to use so.")
        )
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
        raise InvalidRequest.field(
            "provider", sentence("It must be one of these: {known}.", known=known)
        )
    mode = terms.mode or (Mode.FAST if family == MIDJOURNEY else Mode.ANY)
    terms = settings.with_address(terms, provider=provider)
    terms = replace(terms, families=(family,), mode=mode)
    settings.check(terms)
    webhook_urls.check(terms.base_url, field="base_url")
    key = checked_key(credential)
    _require_no_other_seat(provider, terms.base_url, key)
    return _Wanted(workspace, provider, terms, key)


def _require_seat(workspace_id: int, family: str) -> None:
    if not selectors.seats_left(workspace_id=workspace_id, family=family):
        raise NoSeat(
            sentence(
                "There is no free seat for {family} in this workspace. Rent one first.",
                family=family[:50],
            )
        )


def checked_key(credential: str) -> str:
    """A credential that could be one. Raises InvalidRequest."""
    key = settings.checked_credential(credential)
    if not key:
        raise InvalidRequest.field("credential", sentence("It is needed."))
    return key


def _require_no_other_seat(provider: str, base_url: str, credential: str) -> None:
    found = credentials.digest(provider=provider, base_url=base_url, credential=credential)
    if Account.objects.across_workspaces().filter(credential_digest=found).exists():
        raise taken()


def taken() -> InvalidRequest:
    """The refusal of an account that has a seat; whose that is stays untold."""
    return InvalidRequest.field(
        "credential",
        sentence("This account is connected on another seat already. An account has one seat."),
    )


def _asked(wanted: _Wanted) -> Standing:
    try:
        return standing_of(wanted.provider, wanted.access)
    except ProviderError as error:
        raise refusal(error, wanted.credential) from None


def standing_of(provider: str, access: Access) -> Standing:
    """What the provider says. Without fast hours an account still does slow work. Raises ProviderError."""
    try:
        return checks.ask(provider=provider, access=access)
    except AccountNeedsOwner as error:
        if error.need != Need.FAST_HOURS:
            raise
        words = sentence("It works, but has no fast hours left.")
        return Standing(words, fast_hours=0)


def refusal(error: ProviderError, credential: str) -> InvalidRequest:
    """What a provider said, at the field that it is about and without the credential.

    `detail` also names the line of the checklist that is red, with what to do.
    """
    is_about_key = isinstance(error, BadCredentials | AccountNeedsOwner)
    field = "credential" if is_about_key else "base_url"
    said = sentence("The provider says: {said}", said=_words(error, credential))
    line, do = checklist.red(error)
    refused = InvalidRequest.field(field, said)
    refused.detail = {"field": field, "line": line, "do": do, "said": said}
    return refused


def _words(error: ProviderError, credential: str) -> str:
    said = scrub(policies.without(str(error), secret=credential))
    return said[:_LONGEST_WORDS] or sentence("nothing.")


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
    statuses.note(account, stored.CONNECTED)
    statuses.learn(account, standing)
    audited(
        account, actor, ip, "account.connected", {"host": webhook_urls.host_of(account.base_url)}
    )
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
        raise taken() from None


def audited(
    account: Account, actor: User | None, ip: str | None, action: str, detail: Mapping[str, Any]
) -> None:
    """Keep who did what to the account. `detail` holds no secret."""
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
