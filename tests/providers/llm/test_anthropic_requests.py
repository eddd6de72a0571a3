"""Every part of a chat in Anthropic's words."""

from typing import Any

import pytest

from apps.core.wire import Request
from apps.providers.base import ProviderRefused
from apps.providers.llm.base import Operation
from tests.providers.llm.samples import (
    ANSWER_SCHEMA,
    BY_SCHEMA,
    HELLO,
    KEY,
    PDF,
    PICTURE,
    PNG,
    WEATHER,
    access,
    asked,
    call,
    outcome,
    request,
)

INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
JSON = "Answer with one JSON object and nothing else: no explanation, no code fence."
TOOL = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": WEATHER["function"]["parameters"],  # type: ignore[index]
}


def sent(**body: Any) -> Any:
    return asked("anthropic", call(**body))


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def turn(role: str, *content: Any) -> dict[str, Any]:
    return {
        "role": role,
        "content": [text(one) if isinstance(one, str) else one for one in content],
    }


def turns(*messages: Any) -> Any:
    return sent(messages=list(messages))["messages"]


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def test_a_chat_becomes_a_message():
    assert request("anthropic", call()) == Request(
        "POST",
        "https://api.anthropic.com/v1/messages",
        headers={
            "x-api-key": KEY,
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=request("anthropic", call()).body,
        timeout_seconds=600,
        max_bytes=64 * 1024 * 1024,
    )
    assert sent() == {
        "model": "m-1",
        "messages": [turn("user", "Hello")],
        "stream": False,
        "max_tokens": 4096,
    }


@pytest.mark.parametrize("at", ["https://llm.example.com", "https://llm.example.com/v1/"])
def test_an_address_may_end_in_v1(at: str):
    found = request("anthropic", call(is_stream=True), access(at))

    assert (found.url, found.headers["accept"]) == (
        "https://llm.example.com/v1/messages",
        "text/event-stream",
    )


def test_settings_are_named_anew():
    found = sent(
        temperature=1.7,
        top_p=0.9,
        top_k=40,
        stop="END",
        max_tokens=100,
        user="u-1",
        seed=7,
        frequency_penalty=1,
        logit_bias={},
        stream=True,
        n=1,
        logprobs=False,
    )

    assert found == {
        "model": "m-1",
        "messages": [turn("user", "Hello")],
        "stream": False,
        "max_tokens": 100,
        "temperature": 1,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
    }


@pytest.mark.parametrize(
    ("body", "config", "expected"),
    [
        ({}, {}, 4096),
        ({}, {"max_tokens": 8192}, 8192),
        ({}, {"max_tokens": "x"}, 4096),
        ({"max_tokens": 5}, {"max_tokens": 8192}, 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {}, 6),
    ],
)
def test_a_limit_is_always_named(body: Any, config: Any, expected: int):
    assert asked("anthropic", call(**body), access(**config))["max_tokens"] == expected


def test_the_whole_of_the_sampling_is_no_choice():
    assert "top_p" not in sent(top_p=1, temperature=0.2)


# --------------------------------------------------------------------------------------- conversations


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


def used(id: str, arguments: str = "{}", name: str = "get_weather") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


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


# ------------------------------------------------------------------------------------ thinking, format


@pytest.mark.parametrize(
    ("body", "most", "budget"),
    [
        ({"reasoning_effort": "minimal"}, 5120, 1024),
        ({"reasoning_effort": "low"}, 5120, 1024),
        ({"reasoning_effort": "medium"}, 8192, 4096),
        ({"reasoning_effort": "high"}, 20480, 16384),
        ({"reasoning_effort": "high", "max_tokens": 30000}, 30000, 16384),
        ({"reasoning_effort": "high", "max_tokens": 8000}, 8000, 6000),
        ({"reasoning_effort": "low", "max_tokens": 1366}, 1366, 1024),
        ({"reasoning_effort": "low", "max_tokens": 1365}, 1365, 1024),
    ],
)
def test_thinking_stays_within_the_limit(body: Any, most: int, budget: int):
    found = sent(temperature=0.5, top_p=0.5, top_k=4, **body)

    assert found == {
        "model": "m-1",
        "messages": [turn("user", "Hello")],
        "stream": False,
        "max_tokens": most,
        "thinking": {"type": "enabled", "budget_tokens": budget},
    }


@pytest.mark.parametrize(
    "body",
    [
        {"reasoning_effort": "none"},
        {"reasoning_effort": "unheard"},
        {"reasoning_effort": ["low"]},
        {"reasoning_effort": "high", "max_tokens": 1024},
        {"reasoning_effort": "high", "tools": [WEATHER], "tool_choice": "required"},
        {"reasoning_effort": "high", "response_format": BY_SCHEMA},
        {
            "reasoning_effort": "high",
            "tools": [WEATHER],
            "messages": [
                user("?"),
                assistant(tool_calls=[used("a")]),
                {"role": "tool", "tool_call_id": "a", "content": "Sunny"},
            ],
        },
    ],
)
def test_there_are_times_not_to_think(body: Any):
    found = sent(temperature=0.5, **body)

    assert ("thinking" in found, found["temperature"]) == (False, 0.5)


def test_an_answer_by_a_schema_is_a_forced_call():
    found = sent(response_format=BY_SCHEMA)

    tool = {
        "name": "json_answer",
        "description": "Give the answer.",
        "input_schema": ANSWER_SCHEMA,
    }
    assert (found["tools"], found["tool_choice"]) == (
        [tool],
        {"type": "tool", "name": "json_answer"},
    )
    assert "system" not in found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"response_format": {"type": "json_object"}}, JSON),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}},
            JSON + ' It must conform to this JSON schema:\n{"type":"array"}',
        ),
    ],
)  # fmt: skip
def test_other_json_is_asked_for(body: Any, expected: str):
    assert sent(**body)["system"] == [text(expected)]
    assert "tools" not in sent(**body)


def test_a_schema_beside_tools_is_asked_for():
    found = sent(
        response_format=BY_SCHEMA,
        tools=[WEATHER],
        messages=[{"role": "system", "content": "Be kind."}, *HELLO],
    )

    assert found["tools"] == [TOOL]
    assert found["system"][0] == text("Be kind.")
    assert found["system"][1]["text"].startswith(JSON + " It must conform")


@pytest.mark.parametrize("format", [{"type": "text"}, None, "x"])
def test_text_needs_no_instruction(format: Any):
    assert "system" not in sent(response_format=format)


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"modalities": ["text", "audio"]},
        {"web_search_options": {"search_context_size": "low"}},
        {"stop": ["\n"]},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"tools": [WEATHER], "tool_choice": {"type": "allowed_tools"}},
        {"messages": [assistant(tool_calls=[used("a", "{")])]},
        {"messages": [assistant(tool_calls=[used("a", "[1]")])]},
    ],
)
def test_what_has_no_words_is_refused(body: Any):
    assert outcome(lambda: sent(**body)) == INVALID


def test_a_message_passes_as_it_is():
    made = call(
        Operation.MESSAGES,
        is_stream=True,
        max_tokens=5,
        system="Be kind.",
        thinking={"type": "adaptive"},
    )

    assert asked("anthropic", made) == {
        "messages": HELLO,
        "max_tokens": 5,
        "system": "Be kind.",
        "thinking": {"type": "adaptive"},
        "model": "m-1",
        "stream": True,
    }
    assert request("anthropic", made).headers["accept"] == "text/event-stream"
