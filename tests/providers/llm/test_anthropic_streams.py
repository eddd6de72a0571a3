from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import BadCredentials, ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Operation, Piece
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
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
from tests.providers.llm.samples_anthropic import (
    BEGUN,
    EVENTS,
    STARTED,
    STREAM,
    USED,
    arguments,
    block,
    streamed,
)

anthropic = llm_provider("anthropic")
UNKNOWN = (ProviderUnavailable, True, None)
INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
FUNCTION = WEATHER["function"]


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
    stream = events(*streamed(block(0, STARTED, arguments('{"a":1}')), stop="tool_use"))

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
