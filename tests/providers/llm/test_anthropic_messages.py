"""Conversations and their tools in Anthropic's words."""

from typing import Any

import pytest

from apps.providers.base import ProviderRefused
from tests.providers.llm.samples import (
    PDF,
    PICTURE,
    PNG,
    WEATHER,
    outcome,
)
from tests.providers.llm.samples_anthropic import (
    TOOL,
    assistant,
    sent,
    text,
    turn,
    turns,
    used,
    user,
)

INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)


def test_instructions_become_the_system_prompt():
    found = sent(
        messages=[
            {"role": "system", "content": "Be kind."},
            user("Hello"),
            {
                "role": "developer",
                "content": [text("Be brief.", cache_control={"type": "ephemeral"})],
            },
        ]
    )

    assert found["system"] == [
        text("Be kind."),
        text("Be brief.", cache_control={"type": "ephemeral"}),
    ]
    assert found["messages"] == [turn("user", "Hello")]


def test_instructions_alone_are_a_question():
    found = sent(messages=[{"role": "system", "content": "Tell a joke."}])

    assert (found["messages"], "system" in found) == ([turn("user", "Tell a joke.")], False)


def test_messages_of_one_side_are_joined():
    assert turns(
        user("a"), user([text("b"), text(" ")]), assistant("c"), assistant("d "), user("")
    ) == [
        turn("user", "a", "b"),
        turn("assistant", "c", "d"),
    ]


def test_an_assistant_that_begins_gets_a_word_before_it():
    assert turns(assistant("Hello!"), user("Hi")) == [
        turn("user", "…"),
        turn("assistant", "Hello!"),
        turn("user", "Hi"),
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": PICTURE, "detail": "high"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        (
            {"type": "image_url", "image_url": "https://a.example/1.png"},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/1.png"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"file_data": PDF}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/csv;charset=utf-8;base64,YSxi"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ),
        (
            {"type": "file", "file": {"file_data": PICTURE}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ),
        ({"type": "refusal", "refusal": "No."}, text("No.")),
        (text("x", cache_control={"type": "ephemeral"}), text("x", cache_control={"type": "ephemeral"})),
    ],
)  # fmt: skip
def test_content_of_every_kind(part: Any, block: Any):
    assert turns(user([text("Look:"), part])) == [turn("user", "Look:", block)]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "ftp://a.example/1.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "data:text/html;base64,AAAA"}},
        {"type": "image_url"},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "data:application/zip;base64,AAAA"}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}},
        {"type": "file", "file": {"file_data": "x"}},
        {"type": "unheard_of"},
        {},
    ],
)
def test_content_without_words_is_refused(part: Any):
    assert outcome(turns, user([part])) == INVALID


# ----------------------------------------------------------------------------------------------- tools


def test_calls_and_their_results():
    found = sent(
        messages=[
            user("Weather?"),
            assistant("Let me see.", tool_calls=[used("call:1", '{"city":"Rome"}'), used("b", "")]),
            {"role": "tool", "tool_call_id": "call:1", "content": "Sunny"},
            {"role": "tool", "tool_call_id": "b", "content": [text("Rain")]},
            {"role": "tool", "tool_call_id": "c", "content": ""},
            user("And?"),
        ],
        tools=[WEATHER],
    )

    assert found["messages"] == [
        turn("user", "Weather?"),
        turn(
            "assistant",
            "Let me see.",
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Rome"}},
            {"type": "tool_use", "id": "b", "name": "get_weather", "input": {}},
        ),
        turn(
            "user",
            {"type": "tool_result", "tool_use_id": "call_1", "content": [text("Sunny")]},
            {"type": "tool_result", "tool_use_id": "b", "content": [text("Rain")]},
            {"type": "tool_result", "tool_use_id": "c"},
            "And?",
        ),
    ]
    assert (found["tools"], "tool_choice" in found) == ([TOOL], False)


def test_functions_of_the_old_kind():
    found = sent(
        messages=[
            user("Weather?"),
            assistant(function_call={"name": "get_weather", "arguments": '{"city":"Rome"}'}),
            {"role": "function", "name": "get_weather", "content": "Sunny"},
        ],
        functions=[WEATHER["function"]],
        function_call={"name": "get_weather"},
    )

    assert found["messages"][1:] == [
        turn(
            "assistant",
            {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Rome"}},
        ),
        turn("user", {"type": "tool_result", "tool_use_id": "call_1", "content": [text("Sunny")]}),
    ]
    assert found["tools"] == [TOOL]
    assert found["tool_choice"] == {
        "type": "tool",
        "name": "get_weather",
        "disable_parallel_tool_use": True,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            {"type": "tool", "name": "get_weather"},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": True}, None),
    ],
)
def test_choice_of_tools(body: Any, expected: Any):
    assert sent(tools=[WEATHER], **body).get("tool_choice") == expected


def test_a_tool_may_take_nothing():
    bare = {"type": "function", "function": {"name": "now"}, "cache_control": {"type": "ephemeral"}}

    assert sent(tools=[bare])["tools"] == [
        {
            "name": "now",
            "input_schema": {"type": "object", "properties": {}},
            "cache_control": {"type": "ephemeral"},
        }
    ]


def test_tools_that_were_called_are_there():
    found = sent(
        messages=[
            user("Weather?"),
            assistant(tool_calls=[used("a"), used("b")]),
            {"role": "tool", "tool_call_id": "a", "content": "Sunny"},
        ]
    )

    schema = {"type": "object", "properties": {}}
    assert found["tools"] == [{"name": "get_weather", "input_schema": schema}]
    assert found["tool_choice"] == {"type": "none"}
