"""GET /v1/models and /v1/models/{id}: what the caller can call, in OpenAI's shape or, by its header, Anthropic's."""

from typing import Any
from urllib.parse import parse_qs

from apps.accounts.selectors import Identity
from apps.catalog.llm import listing
from apps.catalog.llm.listing import Listed
from apps.catalog.llm.model import LlmModel
from apps.catalog.llm.registry import llm_model
from apps.catalog.registry import InvalidModel
from apps.core.errors import InvalidRequest, NotFound
from apps.core.threads import in_thread
from apps.gateway.llm.answering import Exchange
from apps.gateway.llm.requests import Asked
from apps.gateway.surfaces.base import dumps
from apps.llm.services.admission import sandbox_route
from apps.llm.services.lane import Lane

_MOST_LISTED = 1000


async def models(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """The models that have a price and somebody who serves them, as far as the key may call them."""
    await lane.roster.refresh()
    rows = await in_thread(
        listing.all_listed,
        workspace_id=asked.identity.workspace_id,
        plan=asked.identity.plan,
        is_available=_available(lane, asked.identity),
    )
    rows = [row for row in rows if _may_call(asked.identity, row.model)]
    if _is_anthropic(asked):
        limit, after, before = _page(exchange.scope["query_string"].decode("latin-1"))
        shown = listing.anthropic_list(rows, limit=limit, after_id=after, before_id=before)
    else:
        shown = listing.openai_list(rows)
    await exchange.answer(dumps(shown))


async def model(lane: Lane, exchange: Exchange, asked: Asked) -> None:
    """One of them by any of its names; also one that nobody serves now, which says so."""
    name = exchange.scope["path_params"]["model"].rstrip("/")
    await lane.roster.refresh()
    row = await in_thread(_one, lane, asked.identity, name)
    shown = listing.anthropic_item(row) if _is_anthropic(asked) else listing.openai_item(row)
    await exchange.answer(dumps(shown))


def _one(lane: Lane, identity: Identity, name: str) -> Listed:
    try:
        found = llm_model(name)
    except InvalidModel:
        raise NotFound(f"There is no model {name[:100]}.") from None
    if not _may_call(identity, found):
        raise NotFound(f"There is no model {name[:100]}.")
    return listing.listed(
        found,
        workspace_id=identity.workspace_id,
        plan=identity.plan,
        is_available=_available(lane, identity),
    )


def _available(lane: Lane, identity: Identity) -> Any:
    def is_available(model: LlmModel) -> bool:
        # A workspace that uses its own accounts sees for itself whether they serve it.
        if model.family in identity.private_families:
            return True
        if lane.roster.is_served(family=model.family, routes=model.every_route):
            return True
        return sandbox_route(model) is not None

    return is_available


def _may_call(identity: Identity, model: LlmModel) -> bool:
    allowed = identity.allowed_models
    return not allowed or model.name in allowed or any(name in allowed for name in model.aliases)


def _is_anthropic(asked: Asked) -> bool:
    return "HTTP_ANTHROPIC_VERSION" in asked.meta


def _page(query: str) -> tuple[int, str, str]:
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    limit = given.get("limit", "20")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_LISTED:
        raise InvalidRequest.field("limit", f"Give a number from 1 to {_MOST_LISTED}.")
    return int(limit), given.get("after_id", ""), given.get("before_id", "")
