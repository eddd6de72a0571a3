import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Answer, Call, Operation, Piece, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    PNG,
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
from tests.providers.wire import answer

google = llm_provider("google")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
MODERATED = (ProviderRefused, Why.MODERATED)
COUNTED = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 5,
    "candidatesTokenCount": 10,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 4,
    "totalTokenCount": 64,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 12},
        {"modality": "AUDIO", "tokenCount": 8},
    ],
    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
}
USED = Usage(
    input_tokens=24,
    cached_tokens=5,
    audio_input_tokens=8,
    output_tokens=40,
    reasoning_tokens=30,
    audio_output_tokens=2,
)
CALL = {"functionCall": {"id": "c1", "name": "get_weather", "args": {"city": "Rome"}}}


def candidate(*parts: Any, finish: Any = "STOP", index: Any = 0) -> dict[str, Any]:
    found = [{"text": one} if isinstance(one, str) else one for one in parts]
    said = {"content": {"role": "model", "parts": found}, "index": index}
    return said | {"finishReason": finish} if finish else said


def content(*candidates: Any, usage: Any = COUNTED, **fields: Any) -> dict[str, Any]:
    return {
        "candidates": list(candidates),
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r-1",
        **({"usageMetadata": usage} if usage is not None else {}),
        **fields,
    }


def given_answer(made: Call, body: Any) -> Any:
    return outcome(google.answer, made, answer(body), ACCESS)


def choice(message: dict[str, Any], finish: str = "stop", index: int = 0) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": finish,
    }


def called(**more: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": '{"city":"Rome"}'}
    return {"id": "c1", "type": "function", "function": function, **more}


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

EVENTS = [
    content(
        candidate({"text": "Hm.", "thought": True}, finish=None), usage={"promptTokenCount": 20}
    ),
    content(candidate("Hel", finish=None), usage=None),
    content(candidate("lo 🎈", "", finish=None), usage=None),
    content(candidate(CALL, CALL | {"thoughtSignature": "c2ln"})),
]
STREAM = events(*EVENTS)


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


# -------------------------------------------------------------------------------- embeddings, pictures

VECTORS = {"embeddings": [{"values": [0.5, -1]}, {"values": [0.25, 2]}]}


@pytest.mark.parametrize("format", ["float", "base64", None])
def test_embeddings_come_as_they_were_asked_for(format: Any):
    made = call(Operation.EMBEDDINGS, input=["a", "b"], encoding_format=format)

    found = given_answer(made, VECTORS | {"usageMetadata": {"promptTokenCount": 2}})

    vectors: list[Any] = [[0.5, -1], [0.25, 2]]
    if format == "base64":
        vectors = [base64.b64encode(struct.pack("<2f", *one)).decode() for one in vectors]
    data = [
        {"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)
    ]
    assert found == Answer(
        {
            "object": "list",
            "data": data,
            "model": "m-1",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        },
        Usage(input_tokens=2),
    )


def test_embeddings_may_come_without_usage():
    found = given_answer(call(Operation.EMBEDDINGS, input="a"), {"embeddings": [{"values": [1.5]}]})

    assert (found.usage, "usage" in found.body) == (None, False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": []},
        {"embeddings": [{"values": [1]}]},
        {"embeddings": [{"values": []}, {"values": [1]}]},
        {"embeddings": [{"values": ["x"]}, {"values": [1]}]},
        {"embeddings": [{"values": [1e300]}, {"values": [1]}]},
        {"embeddings": [{}, {}]},
    ],
)
def test_vectors_must_be_there(body: Any):
    made = call(Operation.EMBEDDINGS, input=["a", "b"], encoding_format="base64")

    assert given_answer(made, body) == UNKNOWN


def inline(data: str, **more: Any) -> dict[str, Any]:
    return {"inlineData": {"mimeType": "image/png", "data": data}, **more}


@pytest.mark.parametrize(
    ("made", "body", "expected"),
    [
        (
            call(Operation.IMAGES),
            content(candidate("Here.", inline("AAAA", thought=True), inline(PNG)), usage={"promptTokenCount": 5}),
            Usage(input_tokens=5, images=1),
        ),
        (call(Operation.IMAGE_EDITS), content(candidate(inline(PNG)), usage=None), Usage(images=1)),
        (
            call(Operation.IMAGES, "imagen-4.0"),
            {"predictions": [{"bytesBase64Encoded": PNG}, {"raiFilteredReason": "No."}]},
            Usage(images=1),
        ),
    ],
)  # fmt: skip
def test_pictures_come_as_base64(made: Call, body: Any, expected: Usage):
    found = given_answer(made, body)

    assert (timeless(found.body), found.usage) == ({"data": [{"b64_json": PNG}]}, expected)


@pytest.mark.parametrize(
    ("made", "body", "expected"),
    [
        (call(Operation.IMAGES), content(candidate("No.")), (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES), content(candidate(finish="IMAGE_SAFETY")), MODERATED),
        (call(Operation.IMAGES), {}, (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES, "imagen-4.0"), {}, (ProviderRefused, Why.FAILED)),
        (call(Operation.IMAGES, "imagen-4.0"), {"predictions": [{"raiFilteredReason": "No."}]}, MODERATED),
    ],
)  # fmt: skip
def test_no_picture_is_a_failure(made: Call, body: Any, expected: Any):
    assert given_answer(made, body) == expected
