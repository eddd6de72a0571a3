from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Call, Operation, Piece, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    WEATHER,
    bytewise,
    call,
    cut,
    events,
    outcome,
    read,
    timeless,
    usage_of,
)
from tests.providers.llm.samples_google import (
    CALL,
    EVENTS,
    STREAM,
    USED,
    called,
    candidate,
    choice,
    content,
)
from tests.providers.wire import answer

google = llm_provider("google")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
MODERATED = (ProviderRefused, Why.MODERATED)


def given_answer(made: Call, body: Any) -> Any:
    return outcome(google.answer, made, answer(body), ACCESS)


SIGNED = called(extra_content={"google": {"thought_signature": "c2ln"}})


@pytest.mark.parametrize(
    ("body", "said", "expected"),
    [
        ({}, [candidate("Hel", "lo")], [choice({"content": "Hello"})]),
        (
            {},
            [candidate({"text": "Hm.", "thought": True}, "Hello")],
            [choice({"content": "Hello", "reasoning_content": "Hm."})],
        ),
        (
            {"tools": [WEATHER]},
            [candidate("See:", CALL | {"thoughtSignature": "c2ln"})],
            [choice({"content": "See:", "tool_calls": [SIGNED]}, "tool_calls")],
        ),
        (
            {"functions": [WEATHER["function"]]},
            [candidate(CALL)],
            [choice({"function_call": called()["function"]}, "function_call")],
        ),
        (
            {"n": 2},
            [candidate("a"), candidate("b", finish="MAX_TOKENS", index=1)],
            [choice({"content": "a"}), choice({"content": "b"}, "length", 1)],
        ),
        ({}, [candidate("a", finish="MAX_TOKENS")], [choice({"content": "a"}, "length")]),
        ({}, [candidate(finish="SAFETY")], [choice({}, "content_filter")]),
        ({}, [{"finishReason": "RECITATION"}], [choice({}, "content_filter")]),
        ({}, [candidate("a", finish="OTHER")], [choice({"content": "a"})]),
        (
            {},
            [candidate(CALL, finish="MAX_TOKENS")],
            [choice({"tool_calls": [called()]}, "length")],
        ),
        ({}, [{"content": "x", "finishReason": ["x"]}], [choice({})]),
    ],
)
def test_content_becomes_a_chat(body: Any, said: Any, expected: Any):
    found = given_answer(call(**body), content(*said))

    assert timeless(found.body) == {
        "id": "r-1",
        "object": "chat.completion",
        "model": "gemini-2.5-flash",
        "choices": expected,
        "usage": {
            "prompt_tokens": 24,
            "completion_tokens": 40,
            "total_tokens": 64,
            "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 2},
        },
    }
    assert found.usage == USED


def test_a_call_without_an_id_gets_one():
    part = {"functionCall": {"name": "now"}}

    found = given_answer(call(), content(candidate(part, part)))

    first, second = found.body["choices"][0]["message"]["tool_calls"]
    assert first["id"].startswith("call_")
    assert first["id"] != second["id"]
    assert first["function"] == {"name": "now", "arguments": "{}"}


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ({"promptTokenCount": 5}, Usage(input_tokens=5)),
        ({"promptTokenCount": 5, "candidatesTokenCount": 2}, Usage(5, output_tokens=2)),
        ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(5, 5)),
        ({"promptTokenCount": 5, "promptTokensDetails": "x"}, Usage(5)),
        ({"promptTokenCount": -5}, None),
        ({"promptTokenCount": 0, "candidatesTokenCount": 2}, None),
        ({"promptTokenCount": 5, "candidatesTokenCount": "2"}, None),
        ({"promptTokenCount": 5, "thoughtsTokenCount": 1.5}, None),
        ({"promptTokenCount": 10**10}, None),
        ({"candidatesTokenCount": 5}, None),
        ("x", None),
        (None, None),
    ],
)
def test_usage_of_content(counted: Any, expected: Any):
    found = given_answer(call(), content(candidate("a"), usage=counted))

    assert (found.usage, "usage" in found.body) == (expected, expected is not None)


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"candidates": []}, {"candidates": [7]}])
def test_what_is_no_content_may_have_been_some(body: Any):
    assert given_answer(call(), body) == UNKNOWN


BLOCKED = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 5}}


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.IMAGES])
def test_a_blocked_prompt_is_refused(operation: Operation):
    assert given_answer(call(operation), BLOCKED) == MODERATED


# --------------------------------------------------------------------------------------------- streams


def chunks(pieces: list[Piece]) -> list[Any]:
    """What each adds, its text and its usage; all are one answer's."""
    found = []
    for piece in pieces:
        assert piece.data is not None
        data = timeless(dict(piece.data))
        choices = data.pop("choices")
        assert data == {
            "id": "r-1",
            "object": "chat.completion.chunk",
            "model": "gemini-2.5-flash",
        }
        for one in choices:
            assert one["logprobs"] is None
            found.append(
                (one["index"], one["delta"], one["finish_reason"], piece.text, piece.usage)
            )
    return found


def tool(number: int, made: dict[str, Any]) -> dict[str, Any]:
    return {"tool_calls": [{"index": number, **made}]}


ARGUMENTS = '{"city":"Rome"}'
CHUNKS = [
    (0, {"role": "assistant", "reasoning_content": "Hm."}, None, "Hm.", Usage(input_tokens=20)),
    (0, {"content": "Hel"}, None, "Hel", None),
    (0, {"content": "lo 🎈"}, None, "lo 🎈", None),
    (0, tool(0, called()), None, ARGUMENTS, None),
    (0, tool(1, SIGNED), None, ARGUMENTS, None),
    (0, {}, "tool_calls", "", USED),
]


def test_a_stream_becomes_chunks():
    for cuts in ([STREAM], bytewise(STREAM), [STREAM.replace(b"\n", b"\r\n")]):
        pieces, was_complete = read(google, call(tools=[WEATHER]), cuts)
        assert (chunks(pieces), was_complete) == (CHUNKS, False)


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_chunks_are_the_same_however_the_stream_is_cut(places: list[int]):
    pieces, _ = read(google, call(tools=[WEATHER]), cut(STREAM, places))

    assert chunks(pieces) == CHUNKS


def test_several_answers_are_told_by_their_index():
    stream = events(
        content(candidate("a", finish=None), candidate("b", index=1), usage=None),
        content(candidate("c"), usage=None),
    )

    pieces, _ = read(google, call(n=2), [stream])

    assert chunks(pieces) == [
        (0, {"role": "assistant", "content": "a"}, None, "a", None),
        (1, {"role": "assistant", "content": "b"}, None, "b", None),
        (1, {}, "stop", "", None),
        (0, {"content": "c"}, None, "c", None),
        (0, {}, "stop", "", None),
    ]


def test_usage_may_come_after_the_end():
    stream = events(content(candidate("a"), usage=None), content())

    pieces, _ = read(google, call(), [stream])

    assert usage_of(pieces) == USED
    assert pieces[-1].data is not None
    assert pieces[-1].data["choices"] == []


@pytest.mark.parametrize(
    "sent",
    [
        [],
        EVENTS[:3],
        [content(candidate("a"), candidate("b", finish=None, index=1))],
        [content()],
    ],
)
def test_a_stream_that_is_cut_is_no_answer(sent: list[Any]):
    assert outcome(read, google, call(), [events(*sent)]) == UNKNOWN


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (BLOCKED, MODERATED),
        ({"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}, (ProviderUnavailable, False, None)),
        ({"error": {"code": 400, "message": "Bad", "status": "INVALID_ARGUMENT"}}, (ProviderRefused, Why.INVALID)),
        ({"error": {"code": 500, "message": "Oops", "status": "INTERNAL"}}, UNKNOWN),
        (b"garbage", UNKNOWN),
    ],
)  # fmt: skip
def test_an_error_in_a_stream_is_raised(event: Any, expected: Any):
    for stream in (events(event), events(EVENTS[0], event)):
        assert outcome(read, google, call(), [stream]) == expected
        assert outcome(read, google, call(), bytewise(stream)) == expected
