from typing import Any

import pytest

from apps.providers.base import BadCredentials, ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Answer, Call, Operation, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    BY_SCHEMA,
    WEATHER,
    call,
    outcome,
    timeless,
)
from tests.providers.llm.samples_anthropic import CALLED, THOUGHT, USED, message
from tests.providers.wire import answer

anthropic = llm_provider("anthropic")
UNKNOWN = (ProviderUnavailable, True, None)
INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)


def given_answer(made: Call, body: Any) -> Any:
    return outcome(anthropic.answer, made, answer(body), ACCESS)


def chat(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "object": "chat.completion",
        "model": "claude-sonnet-4-6",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": None, **message},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": 45,
            "completion_tokens": 20,
            "total_tokens": 65,
            "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
        },
    }


def called(arguments: str = '{"city":"Rome"}') -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": "toolu_1", "type": "function", "function": function}


JSON_CALL = {"type": "tool_use", "id": "toolu_2", "name": "json_answer", "input": {"answer": 4}}
FUNCTION = WEATHER["function"]


@pytest.mark.parametrize(
    ("body", "said", "expected"),
    [
        ({}, message("Hello", "!"), chat({"content": "Hello!"})),
        (
            {},
            message(THOUGHT, {"type": "redacted_thinking", "data": "x"}, "Hello"),
            chat({"content": "Hello", "reasoning_content": "Hm."}),
        ),
        (
            {"tools": [WEATHER]},
            message("See:", CALLED, stop="tool_use"),
            chat({"content": "See:", "tool_calls": [called()]}, "tool_calls"),
        ),
        (
            {"functions": [FUNCTION]},
            message(CALLED, stop="tool_use"),
            chat({"function_call": called()["function"]}, "function_call"),
        ),
        (
            {"response_format": BY_SCHEMA},
            message(JSON_CALL, stop="tool_use"),
            chat({"content": '{"answer":4}'}),
        ),
        (
            {"response_format": BY_SCHEMA},
            message(JSON_CALL, stop="max_tokens"),
            chat({"content": '{"answer":4}'}, "length"),
        ),
        ({}, message(stop="refusal"), chat({}, "content_filter")),
        ({}, message("a", stop="stop_sequence"), chat({"content": "a"})),
        ({}, message("a", stop="pause_turn"), chat({"content": "a"})),
        ({}, message("a", stop="max_tokens"), chat({"content": "a"}, "length")),
        ({}, message("a", stop="model_context_window_exceeded"), chat({"content": "a"}, "length")),
        ({}, message("a", stop="unheard_of"), chat({"content": "a"})),
    ],
)
def test_a_message_becomes_a_chat(body: Any, said: Any, expected: Any):
    found = given_answer(call(**body), said)

    assert (timeless(found.body), found.usage) == (expected, USED)


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ({"input_tokens": 10, "output_tokens": 0}, Usage(input_tokens=10)),
        (
            {"input_tokens": 0, "cache_read_input_tokens": 9, "output_tokens": 1},
            Usage(9, 9, output_tokens=1),
        ),
        (
            {"input_tokens": 1, "cache_read_input_tokens": -9, "output_tokens": 1},
            Usage(1, output_tokens=1),
        ),
        ({"input_tokens": -1, "output_tokens": 5}, None),
        ({"input_tokens": 5, "output_tokens": 1.5}, None),
        ({"input_tokens": "5", "output_tokens": 5}, None),
        ({"input_tokens": 5, "output_tokens": 10**10}, None),
        ({"input_tokens": 5}, None),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_of_a_message(counted: Any, expected: Any):
    said = message("a", usage=counted)

    found = given_answer(call(), said)

    assert (found.usage, "usage" in found.body) == (expected, expected is not None)
    assert given_answer(call(Operation.MESSAGES), said) == Answer(said, expected)


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.MESSAGES])
@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"content": "x"}, {"content": None}])
def test_what_is_no_message_may_have_been_one(operation: Operation, body: Any):
    assert given_answer(call(operation), body) == UNKNOWN


def test_an_error_that_calls_itself_a_success():
    body = {"type": "error", "error": {"type": "authentication_error", "message": "No."}}

    assert given_answer(call(), body) == (BadCredentials,)
