"""The models that a workspace can talk to now, for pages on which people choose one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from apps.accounts.selectors import Identity
from apps.byoa.selectors import LiveAccount, hopeful, live_accounts
from apps.catalog.llm.listing import Listed, all_listed
from apps.catalog.llm.model import PROVIDERS, WILDCARD, LlmKind, LlmModel

_LOCAL = "local"
_REMOTE = tuple(name for name in PROVIDERS if name != _LOCAL)


@dataclass(frozen=True)
class Choice:
    """A model that would answer. `is_stand_in`: nobody has an account for it, so our own small one would, to try it."""

    listed: Listed
    is_stand_in: bool


def chat_models(*, identity: Identity) -> list[Choice]:
    """Chat models with a price that somebody serves and that the plan includes; stand-ins last.

    Families that the workspace runs on own accounts are served by these alone.
    """
    crew = _Crew.of(identity)
    found = all_listed(
        workspace_id=identity.workspace_id,
        plan=identity.plan,
        is_available=lambda model: crew.serves(model) or crew.stands_in(model),
    )
    choices = [Choice(one, not crew.serves(one.model)) for one in found]
    return sorted(choices, key=lambda one: one.is_stand_in)


@dataclass(frozen=True)
class _Crew:
    """Who could answer the person."""

    identity: Identity
    pool: Sequence[LiveAccount]
    own: Sequence[LiveAccount]
    # (provider, family) of the operator's accounts, also of those that rest; "" is every family.
    hopeful: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, identity: Identity) -> "_Crew":
        own: Sequence[LiveAccount] = ()
        if identity.private_families:
            own = live_accounts(workspace_id=identity.workspace_id, providers=_REMOTE)
        pool = live_accounts(workspace_id=None, providers=_REMOTE)
        return cls(identity, pool, own, hopeful(providers=_REMOTE))

    def serves(self, model: LlmModel) -> bool:
        if model.kind is not LlmKind.CHAT or model.id.endswith(WILDCARD):
            return False
        if model.family in self.identity.private_families:
            return _is_served(model, self.own)
        return self._includes(model) and (_is_served(model, self.pool) or _is_local(model))

    def stands_in(self, model: LlmModel) -> bool:
        """As in `services.admission` and `trying`, which decide when it is called."""
        if not (settings.SANDBOX_ENGINE and settings.LOCAL_MODELS_URL):
            return False
        if model.kind is not LlmKind.CHAT or model.id.endswith(WILDCARD):
            return False
        if model.family in self.identity.private_families or not self._includes(model):
            return False
        providers = {route.provider for route in model.every_route}
        return not any(
            (provider, family) in self.hopeful
            for provider in providers
            for family in ("", model.family)
        )

    def _includes(self, model: LlmModel) -> bool:
        return model.feature is None or self.identity.terms.includes(model.feature)


def _is_served(model: LlmModel, accounts: Sequence[LiveAccount]) -> bool:
    providers = {route.provider for route in model.every_route}
    return any(one.provider in providers and one.serves(model.family) for one in accounts)


def _is_local(model: LlmModel) -> bool:
    has_server = bool(settings.LOCAL_MODELS_URL)
    return has_server and any(route.provider == _LOCAL for route in model.every_route)
