from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import BadCredentials, ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Answer, Call, Operation, Piece, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    BY_SCHEMA,
    WEATHER,
    bytewise,
    call,
    cut,
    events,
    outcome,
    read,
    text_of,
    timeless,
    usage_of,
)
from tests.providers.wire import answer

anthropic = llm_provider("anthropic")
UNKNOWN = (ProviderUnavailable, True, None)
INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALLED = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
COUNTED = {
    "input_tokens": 10,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 5,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 7},
    "service_tier": "standard",
}
USED = Usage(45, 30, 5, output_tokens=20, reasoning_tokens=7)


def message(*content: Any, stop: str = "end_turn", usage: Any = COUNTED) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": c} if isinstance(c, str) else c for c in content],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


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


# --------------------------------------------------------------------------------------------- streams


def block(index: int, start: Any, *deltas: Any) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": one} for one in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(value: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": value}


def arguments(value: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": value}


def streamed(*blocks: Any, stop: str = "end_turn") -> list[dict[str, Any]]:
    begun = {**COUNTED, "output_tokens": 1}
    del begun["output_tokens_details"]
    return [
        {"type": "message_start", "message": {**message(usage=begun), "stop_reason": None}},
        {"type": "ping"},
        *(event for one in blocks for event in one),
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {
                "output_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 7},
                "input_tokens": None,
            },
        },
        {"type": "message_stop"},
    ]


BEGUN = Usage(45, 30, 5, output_tokens=1)
EMPTY = {"type": "text", "text": ""}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
EVENTS = streamed(
    block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm."},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    block(1, EMPTY, text("Hel"), text("lo 🎈")),
    block(2, TOOL, arguments(""), arguments('{"city":'), arguments('"Rome"}')),
    block(3, {**TOOL, "id": "toolu_2"}),
    block(4, {"type": "server_tool_use", "id": "s", "name": "x"}, arguments("{}")),
    stop="tool_use",
)
STREAM = events(*EVENTS, named=True)


def chunks(pieces: list[Piece]) -> list[Any]:
    """What each adds, its text and its usage; all are one answer's."""
    found = []
    for piece in pieces:
        assert piece.data is not None
        data = timeless(dict(piece.data))
        (choice,) = data.pop("choices")
        assert data == {
            "id": "msg_1",
            "object": "chat.completion.chunk",
            "model": "claude-sonnet-4-6",
        }
        assert (choice.pop("index"), choice.pop("logprobs")) == (0, None)
        found.append((choice["delta"], choice["finish_reason"], piece.text, piece.usage))
    return found


def calls(number: int, **fields: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": number, **fields}]}


def begun(id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": ""}}


CHUNKS = [
    ({"role": "assistant", "content": ""}, None, "", BEGUN),
    ({"reasoning_content": "Hm."}, None, "Hm.", None),
    ({"content": "Hel"}, None, "Hel", None),
    ({"content": "lo 🎈"}, None, "lo 🎈", None),
    (calls(0, **begun("toolu_1")), None, "", None),
    (calls(0, function={"arguments": '{"city":'}), None, '{"city":', None),
    (calls(0, function={"arguments": '"Rome"}'}), None, '"Rome"}', None),
    (calls(1, **begun("toolu_2")), None, "", None),
    (calls(1, function={"arguments": "{}"}), None, "{}", None),
    ({}, "tool_calls", "", USED),
]


def test_a_stream_becomes_chunks():
    for cuts in ([STREAM], bytewise(STREAM), [events(*EVENTS)]):
        pieces, was_complete = read(anthropic, call(tools=[WEATHER]), cuts)
        assert (chunks(pieces), was_complete) == (CHUNKS, True)


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_chunks_are_the_same_however_the_stream_is_cut(places: list[int]):
    pieces, _ = read(anthropic, call(tools=[WEATHER]), cut(STREAM, places))

    assert chunks(pieces) == CHUNKS


def test_functions_of_the_old_kind_are_streamed_so():
    stream = events(*streamed(block(0, TOOL, arguments('{"a":1}')), stop="tool_use"))

    pieces, _ = read(anthropic, call(functions=[FUNCTION]), [stream])

    assert chunks(pieces)[1:] == [
        ({"function_call": {"name": "get_weather", "arguments": ""}}, None, "", None),
        ({"function_call": {"arguments": '{"a":1}'}}, None, '{"a":1}', None),
        ({}, "function_call", "", USED),
    ]


def test_an_answer_by_a_schema_is_streamed_as_text():
    start = {"type": "tool_use", "id": "toolu_1", "name": "json_answer", "input": {}}
    stream = events(
        *streamed(block(0, start, arguments('{"answer"'), arguments(":4}")), stop="tool_use")
    )

    pieces, _ = read(anthropic, call(response_format=BY_SCHEMA), [stream])

    assert chunks(pieces)[1:] == [
        ({"content": '{"answer"'}, None, '{"answer"', None),
        ({"content": ":4}"}, None, ":4}", None),
        ({}, "stop", "", USED),
    ]


def test_text_may_stand_in_the_start_of_a_block():
    blocks = (
        block(0, {"type": "text", "text": "a"}),
        block(1, {"type": "thinking", "thinking": "b"}),
    )

    pieces, _ = read(anthropic, call(), [events(*streamed(*blocks))])

    assert [one[0] for one in chunks(pieces)[1:3]] == [{"content": "a"}, {"reasoning_content": "b"}]


def test_a_message_is_streamed_as_it_is():
    for cuts in ([STREAM], bytewise(STREAM)):
        pieces, was_complete = read(anthropic, call(Operation.MESSAGES), cuts)
        assert was_complete
        assert [one.data for one in pieces] == EVENTS
        assert [one.event for one in pieces] == [one["type"] for one in EVENTS]
        assert text_of(pieces) == 'Hm.Hello 🎈{"city":"Rome"}{}'
        assert [one.usage for one in pieces if one.usage] == [BEGUN, USED]


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.MESSAGES])
class TestEnds:
    def test_a_stream_may_lack_its_last_word(self, operation: Operation):
        pieces, was_complete = read(anthropic, call(operation), [events(*EVENTS[:-1])])

        assert (usage_of(pieces), was_complete) == (USED, False)

    @pytest.mark.parametrize("length", [0, 1, 5, len(EVENTS) - 2])
    def test_a_stream_that_is_cut_is_no_answer(self, operation: Operation, length: int):
        stream = events(*EVENTS[:length], named=True)

        assert outcome(read, anthropic, call(operation), [stream]) == UNKNOWN

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("overloaded_error", (ProviderUnavailable, False, None)),
            ("rate_limit_error", (ProviderUnavailable, False, None)),
            ("api_error", UNKNOWN),
            ("authentication_error", (BadCredentials,)),
            ("invalid_request_error", INVALID),
        ],
    )
    def test_an_error_in_a_stream_is_raised(self, operation: Operation, kind: str, expected: Any):
        error = {"type": "error", "error": {"type": kind, "message": "No."}}

        for stream in (events(error, named=True), events(*EVENTS[:4], error, named=True)):
            assert outcome(read, anthropic, call(operation), [stream]) == expected
            assert outcome(read, anthropic, call(operation), bytewise(stream)) == expected

    @pytest.mark.parametrize("garbage", [b"garbage", b"[]", b"{"])
    def test_what_is_no_event_ends_the_stream(self, operation: Operation, garbage: bytes):
        stream = events(EVENTS[0]) + b"data: " + garbage + b"\n\n"

        assert outcome(read, anthropic, call(operation), [stream]) == UNKNOWN


def test_wrong_usage_in_a_stream_is_none():
    end = {**EVENTS[-2], "usage": {"output_tokens": -5}}

    pieces, _ = read(anthropic, call(), [events(EVENTS[0], end, EVENTS[-1])])

    assert [one.usage for one in pieces] == [BEGUN, None]
