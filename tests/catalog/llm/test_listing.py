from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.catalog.llm import listing
from apps.catalog.llm.listing import Listed
from apps.catalog.llm.model import LlmKind, LlmModel
from apps.catalog.llm.pricing import list_price
from apps.catalog.llm.registry import llm_model, llm_models
from tests.catalog.llm.samples import model

pytestmark = pytest.mark.django_db


def rows(
    workspace: Workspace,
    is_available: Callable[[LlmModel], bool] = lambda _: True,
    **options: bool,
) -> list[Listed]:
    return listing.all_listed(
        workspace_id=workspace.pk, plan=workspace.plan, is_available=is_available, **options
    )


def chat(id: str, released_on: date) -> Listed:
    one = model(id=id, released_on=released_on)
    return Listed(one, list_price(one), True)


FIVE = [chat(f"chat-{day}", date(2026, 1, day)) for day in (3, 1, 5, 2, 4)]


def test_openai_item_says_everything(workspace: Workspace):
    row = listing.listed(
        llm_model("gpt-4o-2024-08-06"),
        workspace_id=workspace.pk,
        plan=workspace.plan,
        is_available=lambda _: True,
    )

    assert listing.openai_list([row]) == {
        "object": "list",
        "data": [
            {
                "id": "gpt-4o",
                "object": "model",
                "created": 1_715_558_400,
                "owned_by": "openai",
                "kind": "chat",
                "title": "GPT-4o",
                "context_length": 128_000,
                "max_output_tokens": 16_384,
                "takes": ["file", "image", "json", "tools"],
                "stream_only": False,
                "pricing": {"input": "1.875", "cached_input": "0.9375", "output": "7.5"},
                "aliases": ["gpt-4o-2024-08-06"],
                "deprecation_date": "2027-01-14",
                "replaced_by": None,
                "available": True,
            }
        ],
    }


def test_pricing_text_is_exact():
    assert {
        id: listing.pricing_text(price)
        for id in ("local-chat", "tts-1", "whisper-1", "gpt-4o-image", "omni-moderation-latest")
        if (price := list_price(llm_models()[id]))
    } == {
        "local-chat": {"input": "0.01", "output": "0.02", "minimum": "0.0000001"},
        "tts-1": {"character": "15"},
        "whisper-1": {"minute": "0.006"},
        "gpt-4o-image": {"request": "0.02", "request_without_image": "0.00066"},
        "omni-moderation-latest": {"request": "0"},
    }


def test_only_what_can_be_called_is_listed(workspace: Workspace):
    shown = rows(workspace, lambda one: one.kind is LlmKind.EMBEDDING)

    # The other embeddings have no price.
    assert [row.model.id for row in shown] == ["text-embedding-ada-002", "local-embedding"]


def test_everything_includes_what_nobody_serves_or_priced(workspace: Workspace):
    shown = {row.model.id: row for row in rows(workspace, lambda _: False, everything=True)}

    assert set(llm_models()) - set(shown) == {"gpt-image-1", "dall-e-3", "dall-e-2"}
    assert not any(row.is_available for row in shown.values())
    assert listing.openai_item(shown["gpt-5"])["pricing"] is None
    assert shown["gpt-4o"].price is not None


def test_without_a_price_nobody_is_asked(workspace: Workspace):
    asked: list[str] = []

    rows(workspace, lambda one: bool(asked.append(one.id)))

    assert "gpt-5" not in asked
    assert "gpt-4o" in asked


def test_anthropic_item_is_anthropics(workspace: Workspace):
    one = llm_model("claude-3-7-sonnet-latest")

    assert listing.anthropic_item(Listed(one, list_price(one), True)) == {
        "type": "model",
        "id": "claude-3-7-sonnet-20250219",
        "display_name": "Claude Sonnet 3.7",
        "created_at": "2025-02-19T00:00:00Z",
        "lifecycle": "deprecated",
        "retires_at": "2026-02-19T00:00:00Z",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


@pytest.mark.parametrize(
    ("options", "ids", "has_more"),
    [
        ({}, ["chat-5", "chat-4", "chat-3", "chat-2", "chat-1"], False),
        ({"limit": 2}, ["chat-5", "chat-4"], True),
        ({"limit": 2, "after_id": "chat-4"}, ["chat-3", "chat-2"], True),
        ({"limit": 2, "after_id": "chat-2"}, ["chat-1"], False),
        ({"limit": 2, "before_id": "chat-2"}, ["chat-4", "chat-3"], True),
        ({"limit": 3, "before_id": "chat-2"}, ["chat-5", "chat-4", "chat-3"], False),
        ({"after_id": "chat-5", "before_id": "chat-3"}, ["chat-4"], False),
        ({"after_id": "chat-1"}, [], False),
        ({"after_id": "gone"}, [], False),
        ({"before_id": "gone"}, [], False),
    ],
)
def test_anthropic_list_pages_from_the_newest(
    options: dict[str, Any], ids: list[str], has_more: bool
):
    found = listing.anthropic_list(FIVE, **options)

    assert [one["id"] for one in found["data"]] == ids
    assert {name: found[name] for name in ("has_more", "first_id", "last_id")} == {
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }


def test_anthropic_list_has_only_what_answers_messages(workspace: Workspace):
    kinds = {
        llm_model(one["id"]).kind
        for one in listing.anthropic_list(rows(workspace), limit=1_000)["data"]
    }

    assert kinds == {LlmKind.CHAT}
