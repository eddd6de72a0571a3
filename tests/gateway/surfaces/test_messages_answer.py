from typing import Any

import pytest

from apps.gateway.surfaces.messages import SURFACE
from tests.gateway.surfaces.samples import (
    ANSWER,
    BILL,
    COST,
    LIMITED,
    STREAM,
    USAGE,
    call,
    chunk,
    events,
    streamed,
    written,
)

ASKED = {"model": "asked", "max_tokens": 64, "messages": [{"role": "user", "content": "Where?"}]}
TOKENS = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 8,
    "output_tokens": 9,
}
USED = {**TOKENS, **COST}
NOTHING = dict.fromkeys(TOKENS, 0)
STOPPED = {"type": "message_stop"}
LIMIT = {
    "type": "error",
    "error": {"type": "rate_limit_error", "message": "Too many requests."},
    "request_id": "req-1",
}


def tool(call_id: str, city: str | None) -> dict[str, Any]:
    given = {} if city is None else {"city": city}
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": given}


def message(key: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"msg_{key}",
        "type": "message",
        "role": "assistant",
        "model": "asked",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        **fields,
    }


def answered(body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    parsed = SURFACE.parse({**ASKED, **fields})
    return SURFACE.answer(body, parsed, is_native=False, usage=USAGE, bill=BILL)


def test_an_answer_in_chat_shape_becomes_a_message():
    assert answered(ANSWER) == message(
        "5f0c77",
        content=[
            {"type": "thinking", "thinking": "Two cities.", "signature": ""},
            {"type": "text", "text": "Let me look."},
            tool("call_a", "Oslo"),
            tool("call_b", "Rome"),
        ],
        stop_reason="tool_use",
        usage=USED,
    )


@pytest.mark.parametrize(
    ("choice", "reason", "word"),
    [
        ({"finish_reason": "stop"}, "end_turn", None),
        ({"finish_reason": "stop", "stop_reason": "END"}, "stop_sequence", "END"),
        ({"finish_reason": "stop", "stop_reason": "eos"}, "end_turn", None),
        ({"finish_reason": "length"}, "max_tokens", None),
        ({"finish_reason": "content_filter"}, "refusal", None),
        ({"finish_reason": None}, "end_turn", None),
    ],
)
def test_why_it_stopped(choice: dict[str, Any], reason: str, word: str | None):
    answer = answered(
        {"choices": [{"message": {"content": "x"}, **choice}]}, stop_sequences=["END"]
    )
    assert (answer["stop_reason"], answer["stop_sequence"]) == (reason, word)


def test_a_call_is_a_call_whatever_the_provider_says_and_however_it_is_written():
    calls = [call(0, "not JSON", "call_a", "weather")]
    answer = answered({"choices": [{"message": {"tool_calls": calls}, "finish_reason": "stop"}]})
    assert answer["stop_reason"] == "tool_use"
    assert answer["content"] == [{**tool("call_a", None), "input": {"arguments": "not JSON"}}]


def test_a_native_answer_keeps_what_ours_has_no_count_for():
    given = message(
        "x", model="upstream", usage={"input_tokens": 1, "cost": 9, "server_tool_use": 5}
    )
    answer = SURFACE.answer(given, SURFACE.parse(ASKED), is_native=True, usage=USAGE, bill=BILL)
    assert answer == message("x", usage={**USED, "server_tool_use": 5})


def block(index: int, begun: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *[{"type": "content_block_delta", "index": index, "delta": one} for one in deltas],
        {"type": "content_block_stop", "index": index},
    ]


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking_delta", "thinking": text}


def said(text: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": text}


def json(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def last(reason: str, **usage: Any) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {**USED, **usage},
    }


def test_a_stream_in_chat_shape_becomes_every_event_of_this_interface():
    found = events(streamed(SURFACE, ASKED, STREAM))
    key = found[0]["message"]["id"].removeprefix("msg_")
    assert found == [
        {"type": "message_start", "message": message(key, usage=NOTHING)},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            thought("Two "),
            thought("cities."),
        ),
        *block(1, {"type": "text", "text": ""}, said("Let me "), said("look.")),
        *block(2, tool("call_a", None), json('{"city":'), json('"Oslo"}')),
        *block(3, tool("call_b", None), json('{"city":"Rome"}')),
        last("tool_use"),
        STOPPED,
    ]


def test_what_is_said_between_the_pieces_of_a_call_waits_for_its_end():
    pieces = [
        chunk({"tool_calls": [call(0, "{", "call_a", "weather")]}),
        chunk({"content": "One "}),
        chunk({"content": "moment."}),
        chunk({"tool_calls": [call(0, "}")]}),
        # Another call under the same number.
        chunk({"tool_calls": [call(0, "{}", "call_b", "weather")]}),
    ]
    found = events(streamed(SURFACE, ASKED, pieces))
    assert found[1:] == [
        *block(0, tool("call_a", None), json("{"), json("}")),
        *block(1, {"type": "text", "text": ""}, said("One moment.")),
        *block(2, tool("call_b", None), json("{}")),
        last("tool_use"),
        STOPPED,
    ]


def test_an_empty_stream_is_a_message_too():
    found = events(streamed(SURFACE, ASKED, []))
    assert found[0]["message"]["usage"] == {**TOKENS, "output_tokens": 0}
    assert found[1:] == [last("end_turn"), STOPPED]


@pytest.mark.parametrize("is_native", [True, False])
def test_a_broken_stream_ends_with_the_error(is_native: bool):
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=is_native)
    assert events(encoder.failed(LIMITED)) == [LIMIT]
    assert events(encoder.keep_alive) == [{"type": "ping"}]


def test_native_events_pass_and_the_last_two_wait_for_the_bill():
    start = {"type": "message_start", "message": message("x", model="upstream", usage=NOTHING)}
    given = [
        start,
        {"type": "ping"},
        *block(
            0, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "s"}
        ),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "pause_turn", "stop_sequence": None},
            "usage": {"output_tokens": 1, "cost": 9, "server_tool_use": {"web_search_requests": 0}},
            "context_management": {"applied_edits": []},
        },
        STOPPED,
    ]
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=True)
    assert events(written(encoder, given)) == [
        {**start, "message": message("x", usage=NOTHING)},
        *given[1:-2],
    ]
    assert events(encoder.end(USAGE, BILL)) == [
        {
            **last("pause_turn", server_tool_use={"web_search_requests": 0}),
            "context_management": {"applied_edits": []},
        },
        STOPPED,
    ]
