"""The list of models as OpenAI's and as Anthropic's clients expect it, with what only we say beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from apps.catalog.llm.model import UNITS_PRICED, LlmKind, LlmModel
from apps.catalog.llm.pricing import LlmPrice, NotPriced, price_of
from apps.catalog.llm.registry import llm_models
from apps.core.money import POINTS_PER_USD, usd


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as one workspace sees it now."""

    model: LlmModel
    price: LlmPrice | None
    is_available: bool


def listed(
    model: LlmModel, *, workspace_id: int, plan: str, is_available: Callable[[LlmModel], bool]
) -> Listed:
    """`is_available` says whether somebody can serve it; without a price it is not in any case."""
    try:
        price = price_of(model, workspace_id=workspace_id, plan=plan)
    except NotPriced:
        return Listed(model, None, False)
    return Listed(model, price, is_available(model))


def all_listed(
    *,
    workspace_id: int,
    plan: str,
    is_available: Callable[[LlmModel], bool],
    everything: bool = False,
) -> list[Listed]:
    """What can be called now: clients offer their users whatever they are told of. Or `everything` but the retired."""
    today = datetime.now(UTC).date()
    rows = [
        listed(model, workspace_id=workspace_id, plan=plan, is_available=is_available)
        for model in llm_models().values()
        if not model.is_retired(today)
    ]
    return [row for row in rows if everything or row.is_available]


def openai_list(rows: Sequence[Listed]) -> dict[str, Any]:
    return {"object": "list", "data": [openai_item(row) for row in rows]}


def openai_item(row: Listed) -> dict[str, Any]:
    """OpenAI's four fields, then ours. Numbers of money are text."""
    model = row.model
    return {
        "id": model.name,
        "object": "model",
        "created": int(_midnight(model.released_on).timestamp()),
        "owned_by": model.owned_by,
        "kind": model.kind.value,
        "title": model.title,
        "context_length": model.context_tokens or None,
        "max_output_tokens": model.max_output_tokens or None,
        "takes": sorted(model.takes),
        "stream_only": model.stream_only,
        "pricing": row.price and pricing_text(row.price),
        "aliases": list(model.aliases),
        "deprecation_date": _day(model.retired_on or model.deprecated_on),
        "replaced_by": model.replaced_by or None,
        "available": row.is_available,
    }


def pricing_text(price: LlmPrice) -> dict[str, str]:
    """US$ by rate, per million tokens or characters and per one of anything else; "minimum" where there is one."""
    rates = {
        name: f"{(points * UNITS_PRICED[name] / POINTS_PER_USD).normalize():f}"
        for name, points in price.rates.items()
    }
    if price.minimum_points:
        rates["minimum"] = f"{usd(price.minimum_points).normalize():f}"
    return rates


def anthropic_list(
    rows: Sequence[Listed], *, limit: int = 20, after_id: str = "", before_id: str = ""
) -> dict[str, Any]:
    """A page of those that answer messages, newest first. An unknown cursor gives an empty page."""
    chats = [row for row in rows if row.model.kind is LlmKind.CHAT]
    chats.sort(key=lambda row: row.model.released_on, reverse=True)
    chats = _between(chats, after_id, before_id)
    page = chats[-limit:] if before_id else chats[:limit]
    return {
        "data": [anthropic_item(row) for row in page],
        "has_more": len(chats) > len(page),
        "first_id": page[0].model.name if page else None,
        "last_id": page[-1].model.name if page else None,
    }


def anthropic_item(row: Listed) -> dict[str, Any]:
    model = row.model
    ends_on = model.retired_on or model.deprecated_on
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.title,
        "created_at": _instant(model.released_on),
        "lifecycle": "deprecated" if ends_on else "active",
        "retires_at": ends_on and _instant(ends_on),
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }


def _between(rows: list[Listed], after_id: str, before_id: str) -> list[Listed]:
    ids = [row.model.name for row in rows]
    if (after_id and after_id not in ids) or (before_id and before_id not in ids):
        return []
    start = ids.index(after_id) + 1 if after_id else 0
    return rows[start : ids.index(before_id) if before_id else None]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _instant(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
