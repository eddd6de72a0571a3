from typing import Any

import pytest

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces.base import Parsed
from apps.gateway.surfaces.messages import SURFACE

ASKED = {
    "model": "asked",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Hello"}],
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
PNG = {"type": "base64", "media_type": "image/png", "data": "AA"}


def chat(**fields: Any) -> dict[str, Any]:
    """The request in chat shape, through both steps."""
    return SURFACE.to_chat(SURFACE.parse({**ASKED, **fields}).body)


def messages(*given: Any, **fields: Any) -> list[dict[str, Any]]:
    return chat(messages=list(given), **fields)["messages"]


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def test_a_request_is_cleaned():
    body = {
        **ASKED,
        "stream": True,
        "max_tokens": "64",
        "metadata": {"user_id": "u", "api_key": "x"},
        "speed": "fast",
        "inference_geo": "us",
        "service_tier": "auto",
        "context_management": {"edits": []},
    }
    assert SURFACE.parse(body) == Parsed(
        "asked",
        True,
        {
            "max_tokens": 64,
            "messages": ASKED["messages"],
            "metadata": {"user_id": "u"},
            "context_management": {"edits": []},
        },
    )


def test_thoughts_that_nobody_signed_are_left_out():
    ours = {"type": "thinking", "thinking": "x", "signature": ""}
    signed = {"type": "thinking", "thinking": "x", "signature": "s"}
    given = {"role": "assistant", "content": [ours, signed, text("Hi")]}
    body = SURFACE.parse({**ASKED, "messages": [given]}).body
    assert body["messages"] == [{"role": "assistant", "content": [signed, text("Hi")]}]
    assert given["content"][0] is ours


def test_everything_that_chat_has_words_for():
    assert chat(
        system=[{**text("Be brief."), "cache_control": {"type": "ephemeral"}}, text("Be kind.")],
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        stop_sequences=["END"],
        metadata={"user_id": "u"},
        thinking={"type": "enabled", "budget_tokens": 8000},
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        tools=[{"name": "weather", "description": "Of a city.", "input_schema": SCHEMA}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    ) == {
        "messages": [
            {"role": "system", "content": "Be brief.\n\nBe kind."},
            {"role": "user", "content": "Hello"},
        ],
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "user": "u",
        "reasoning_effort": "medium",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Of a city.",
                    "parameters": SCHEMA,
                },
            }
        ],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    assert chat() == {"messages": ASKED["messages"], "max_tokens": 64}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_choices_of_tools(given: Any, expected: Any):
    assert chat(tool_choice=given)["tool_choice"] == expected


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 64000}}, "high"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, None),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "high"),
        ({"output_config": {"effort": "medium"}}, "medium"),
    ],
)
def test_how_hard_to_think(fields: dict[str, Any], effort: str | None):
    assert chat(**fields).get("reasoning_effort") == effort


def test_blocks_become_parts():
    assert messages(
        user(
            text("Read."),
            {"type": "image", "source": PNG},
            {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
            },
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Once."},
            },
            {"type": "document", "source": {"type": "content", "content": [text("Inner.")]}},
            {"type": "search_result", "title": "T", "source": "S", "content": [text("Found.")]},
        )
    ) == [
        user(
            text("Read."),
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
            {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
            },
            text("document:\n\nOnce."),
            text("Inner."),
            text("T\nS\nFound."),
        )
    ]


def test_tools_are_called_and_answer_with_text_and_pictures():
    assert messages(
        {"role": "user", "content": "Where?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "x", "signature": "s"},
                text("Let me look."),
                {"type": "tool_use", "id": "a", "name": "map", "input": {"city": "Oslo"}},
                {"type": "tool_use", "id": "b", "name": "map", "input": {}},
            ],
        },
        user(
            {"type": "tool_result", "tool_use_id": "a", "content": [text("Here."), {"type": "image", "source": PNG}]},
            {"type": "tool_result", "tool_use_id": "b", "content": "No such city.", "is_error": True},
            text("Go on."),
        ),
    ) == [
        {"role": "user", "content": "Where?"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "map", "arguments": '{"city":"Oslo"}'}},
                {"id": "b", "type": "function", "function": {"name": "map", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Here."},
        {"role": "tool", "tool_call_id": "b", "content": "This failed:\n\nNo such city."},
        user({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}),
        {"role": "user", "content": "Go on."},
    ]  # fmt: skip


NO_FILES = "Files of a provider are not reachable from here; send the file itself as base64."


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"max_tokens": None}, "max_tokens", "This field is required."),
        ({"max_tokens": 0}, "max_tokens", "Give a whole number from 1 to 2147483647."),
        ({"temperature": 1.5}, "temperature", "Give a number from 0 to 1."),
        ({"messages": []}, "messages", "Give at least one message."),
        ({"messages": [{"role": "tool"}]}, "messages.0.role", "Give one of user, assistant, system."),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "Give a string or a list of blocks."),
        ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text", "This must be a string."),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "messages.0.content.0.source.type",
            NO_FILES,
        ),
        ({"messages": [user({"type": "container_upload"})]}, "messages.0.content.0.type", NO_FILES),
        (
            {"messages": [user({"type": "image", "source": {"type": "url", "url": "ftp://x"}})]},
            "messages.0.content.0.source.url",
            "Give an http(s) or data address.",
        ),
        (
            {
                "messages": [
                    user({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_use"}]})
                ]
            },
            "messages.0.content.0.content.0.type",
            "Give text, image or document.",
        ),
        (
            {"messages": [user({"type": "tool_use", "id": "a", "name": "b"})]},
            "messages.0.content.0.input",
            "This must be an object.",
        ),
        ({"system": [{"type": "image"}]}, "system.0.type", "Give text."),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema", "This must be an object."),
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools.0.type",
            "Tools that a provider runs are not offered.",
        ),
        ({"tool_choice": "auto"}, "tool_choice", "This must be an object."),
        (
            {"mcp_servers": [{"url": "https://a.test"}]},
            "mcp_servers",
            "Servers of tools are not called from here; use your own tools.",
        ),
        ({"container": "c"}, "container", "Containers of a provider are not offered."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, message: str):
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.parse({**ASKED, **changes})
    assert (raised.value.message, raised.value.detail) == (f"{field}: {message}", {"field": field})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0.type"),
        ({"messages": [user({"type": "odd"})]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "assistant", "content": [{"type": "odd"}]}]}, "messages.0.content.0.type"),
        (
            {"messages": [user({"type": "document", "source": {"type": "url", "url": "https://a.test"}})]},
            "messages.0.content.0.source",
        ),
        ({"tool_choice": {"type": "odd"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
    ],
)  # fmt: skip
def test_what_chat_has_no_words_for_passes_only_to_who_speaks_this(
    changes: dict[str, Any], field: str
):
    parsed = SURFACE.parse({**ASKED, **changes})
    assert {name: parsed.body[name] for name in changes} == changes
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.to_chat(parsed.body)
    assert raised.value.detail == {"field": field}
