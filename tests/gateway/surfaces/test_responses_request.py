from typing import Any

import pytest

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces.base import Parsed
from apps.gateway.surfaces.responses import SURFACE
from tests.gateway.surfaces.samples import WEATHER

ASKED = {"model": "asked", "input": "Hello"}
STATELESS = "Nothing is kept here; send the whole conversation as input."
PDF = "data:application/pdf;base64,AA"


def chat(**fields: Any) -> dict[str, Any]:
    """The request in chat shape, through both steps."""
    return SURFACE.to_chat(SURFACE.parse({**ASKED, **fields}).body)


def messages(*items: Any, **fields: Any) -> list[dict[str, Any]]:
    return chat(input=list(items), **fields)["messages"]


def test_a_request_is_cleaned_and_never_kept_by_a_provider():
    body = {**ASKED, "stream": True, "store": True, "max_output_tokens": "64", "background": False}
    assert SURFACE.parse(body) == Parsed(
        "asked",
        True,
        {"input": "Hello", "store": False, "max_output_tokens": 64, "background": False},
    )


def test_everything_that_chat_has_words_for():
    schema = {"name": "city", "schema": {"type": "object"}, "strict": True}
    assert chat(
        instructions="Be brief.",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=64,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", **schema}, "verbosity": "low"},
        tools=[{"type": "function", **WEATHER, "strict": None}],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
        user="u",
        metadata={"a": "b"},
        truncation="auto",
        include=["reasoning.encrypted_content"],
    ) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 64,
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": schema},
        "verbosity": "low",
        "tools": [{"type": "function", "function": WEATHER}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "user": "u",
    }


@pytest.mark.parametrize(
    ("wanted", "format"), [("text", None), ("json_object", {"type": "json_object"})]
)
def test_other_formats(wanted: str, format: Any):
    assert chat(text={"format": {"type": wanted}}).get("response_format") == format


def test_items_become_messages():
    assert messages(
        {"role": "developer", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": "https://a.test/b.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Two", "annotations": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"role": "user", "content": ""},
    ) == [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png", "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            ],
        },
        {"role": "assistant", "content": "Two\n\nno"},
    ]  # fmt: skip


def called(call_id: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": "{}"}


def test_calls_belong_to_the_message_before_and_pictures_follow_the_results():
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA"}
    calls = [
        {"id": one, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
        for one in ("a", "b")
    ]
    assert messages(
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "Let me look."},
        called("a"),
        called("b"),
        {"type": "function_call_output", "call_id": "a", "output": [picture]},
        {"type": "function_call_output", "call_id": "b", "output": "Rain."},
        called("a"),
    ) == [
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "(The result is attached below.)"},
        {"role": "tool", "tool_call_id": "b", "content": "Rain."},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": picture["image_url"]}}],
        },
        {"role": "assistant", "content": None, "tool_calls": calls[:1]},
    ]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"input": None}, "input", "This field is required."),
        ({"input": []}, "input", "Give a string, or a list of items."),
        ({"input": ["x"]}, "input.0", "This must be an object."),
        ({"input": [{"role": "tool"}]}, "input.0.role", "Give one of user, assistant, system, developer."),
        ({"input": [{"role": "user"}]}, "input.0.content", "Give a string or a list of parts."),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input.0.content.0.file_id",
            "Send the picture itself as image_url.",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input.0.content.0.file_id",
            "Files of a provider are not reachable from here; send the file itself as file_data.",
        ),
        ({"input": [{"type": "function_call", "call_id": "c"}]}, "input.0.name", "This must be a string."),
        ({"input": [{"type": "function_call_output"}]}, "input.0.call_id", "This must be a string."),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type", STATELESS),
        ({"previous_response_id": "resp_1"}, "previous_response_id", STATELESS),
        ({"conversation": {"id": "c"}}, "conversation", STATELESS),
        ({"background": True}, "background", "Answers are given at once or as a stream, not later."),
        ({"prompt": {"id": "p"}}, "prompt", "Templates of a provider are not reachable; send input."),
        (
            {"tools": [{"type": "web_search"}]},
            "tools.0.type",
            "Give function; tools that a provider runs are not offered.",
        ),
        ({"tools": [{"type": "function"}]}, "tools.0.name", "This must be a string."),
        ({"truncation": "some"}, "truncation", "Give one of auto, disabled."),
        ({"text": {"format": {}}}, "text.format.type", "This must be a string."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, message: str):
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.parse({**ASKED, **changes})
    assert (raised.value.message, raised.value.detail) == (f"{field}: {message}", {"field": field})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"input": [{"type": "custom_tool_call", "name": "x"}]}, "input.0.type"),
        ({"input": [{"type": "reasoning"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "odd"}]}]}, "input.0.content.0.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://a.test"}]}]},
            "input.0.content.0.file_url",
        ),
        ({"tools": [{"type": "custom", "name": "x"}]}, "tools.0.type"),
        ({"tool_choice": {"type": "custom", "name": "x"}}, "tool_choice"),
        ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
        ({"top_logprobs": 3}, "top_logprobs"),
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
