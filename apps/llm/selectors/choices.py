"""The models that a workspace can talk to now, for pages on which people choose one."""

from collections.abc import Sequence

from django.conf import settings

from apps.accounts.selectors import Identity
from apps.byoa.selectors import LiveAccount, live_accounts
from apps.catalog.llm.listing import Listed, all_listed
from apps.catalog.llm.model import PROVIDERS, WILDCARD, LlmKind, LlmModel

_LOCAL = "local"


def chat_models(*, identity: Identity) -> list[Listed]:
    """Chat models with a price that somebody serves and that the plan includes, in the order of the list.

    Families that the workspace runs on own accounts are served by these alone.
    """
    remote = [name for name in PROVIDERS if name != _LOCAL]
    pool = live_accounts(workspace_id=None, providers=remote)
    own: Sequence[LiveAccount] = ()
    if identity.private_families:
        own = live_accounts(workspace_id=identity.workspace_id, providers=remote)

    def is_available(model: LlmModel) -> bool:
        if model.kind is not LlmKind.CHAT or model.id.endswith(WILDCARD):
            return False
        if model.family in identity.private_families:
            return _is_served(model, own)
        if model.feature is not None and not identity.terms.includes(model.feature):
            return False
        return _is_served(model, pool) or _is_local(model)

    return all_listed(
        workspace_id=identity.workspace_id, plan=identity.plan, is_available=is_available
    )


def _is_served(model: LlmModel, accounts: Sequence[LiveAccount]) -> bool:
    providers = {route.provider for route in model.every_route}
    return any(one.provider in providers and one.serves(model.family) for one in accounts)


def _is_local(model: LlmModel) -> bool:
    has_server = bool(settings.LOCAL_MODELS_URL)
    return has_server and any(route.provider == _LOCAL for route in model.every_route)
