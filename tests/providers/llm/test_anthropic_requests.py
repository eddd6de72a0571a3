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
    WEATHER,
    access,
    asked,
    call,
    outcome,
    request,
)
from tests.providers.llm.samples_anthropic import TOOL, assistant, sent, text, turn, used, user

INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
JSON = "Answer with one JSON object and nothing else: no explanation, no code fence."


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
