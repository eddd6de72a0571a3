"""Which models a person may begin a conversation with, and what that costs."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.policies import Feature
from apps.accounts.selectors import Identity
from apps.byoa.selectors import live_accounts
from apps.catalog.llm.model import WILDCARD, LlmKind, LlmModel
from apps.catalog.llm.pricing import NotPriced, price_of
from apps.catalog.llm.registry import llm_models
from apps.core.money import format_usd
from apps.llm.selectors import conversations as selectors
from apps.llm.services.conversations import prices
from apps.llm.services.conversations.prices import FAMILY
from apps.llm.services.roster import PROVIDERS

Choice = tuple[str, str]


@dataclass(frozen=True)
class Offer:
    """What can be chosen: `models` by their names, `assistants` by their public ids."""

    models: list[Choice]
    assistants: list[Choice]

    @property
    def is_empty(self) -> bool:
        return not self.models and not self.assistants


def offer(*, identity: Identity) -> Offer:
    """What somebody can serve now and the plan includes. Reads accounts, assistants and prices."""
    models = talkers(identity=identity)
    names = {model.name for model in models}
    assistants = [
        (one.public_id, f"{one.name} ({one.model})")
        for one in selectors.assistants(workspace_id=identity.workspace_id)
        if one.model in names
    ]
    return Offer([(model.name, model.title) for model in models], assistants)


def talkers(*, identity: Identity) -> list[LlmModel]:
    """Chat models that would answer, those of this machine first."""
    is_private = FAMILY in identity.private_families
    served = _served(identity, is_private=is_private)
    today = datetime.now(UTC).date()
    found = [
        model
        for model in llm_models().values()
        if model.kind is LlmKind.CHAT
        and not model.id.endswith(WILDCARD)
        and not model.is_retired(today)
        and any(route.provider in served for route in model.every_route)
        and (is_private or _is_included(identity, model))
    ]
    return sorted(found, key=lambda model: not _is_local(model))


def _served(identity: Identity, *, is_private: bool) -> set[str]:
    owner = identity.workspace_id if is_private else None
    found = {one.provider for one in live_accounts(workspace_id=owner, providers=PROVIDERS)}
    return found | ({"local"} if settings.LOCAL_MODELS_URL else set())


def _is_included(identity: Identity, model: LlmModel) -> bool:
    if _is_local(model):
        return True
    terms = identity.terms
    needed = [Feature.PUBLIC_GPTS, *([model.feature] if model.feature else [])]
    return all(terms.includes(feature) for feature in needed) and _is_priced(identity, model)


def _is_priced(identity: Identity, model: LlmModel) -> bool:
    if prices.round_price(model=model.name, is_first=False) is not None:
        return True
    try:
        price_of(model, workspace_id=identity.workspace_id, plan=identity.plan)
    except NotPriced:
        return False
    return True


def _is_local(model: LlmModel) -> bool:
    return model.name.startswith("local-")


def cost_words(*, model: str, is_private: bool) -> str:
    """What a person should know before asking."""
    if is_private:
        return _("On your own account: nothing is charged here.")
    first = prices.round_price(model=model, is_first=True)
    each = prices.round_price(model=model, is_first=False)
    if first is None or each is None:
        return _("An answer costs the tokens it takes.")
    began, more = (format_usd(int(price.rates["request"])) for price in (first, each))
    words = _("The first answer costs {first}, each further one {more}. What fails costs nothing.")
    return words.format(first=began, more=more)


def file_cost_words(*, is_private: bool) -> str:
    """The same for a file."""
    if is_private:
        return ""
    return _("A file costs {price}.").format(price=format_usd(prices.file_points()))
