from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from apps.providers.llm.base import Call, Operation, Piece, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import (
    ACCESS,
    bytewise,
    call,
    cut,
    events,
    outcome,
    read,
    text_of,
    usage_of,
)

openai = llm_provider("openai")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
DONE = b"[DONE]"


def chunk(delta: Any = None, finish: Any = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [choice],
        **fields,
    }


def called(number: int, arguments: str, **named: Any) -> Any:
    return {"tool_calls": [{"index": number, **named, "function": {"arguments": arguments}}]}


COUNTED = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}
USED = Usage(input_tokens=19, output_tokens=10)
LAST = chunk(choices=[], usage=COUNTED)
SAID = [
    (chunk({"role": "assistant", "content": "", "refusal": None}, usage=None), ""),
    (chunk({"content": "Hel"}), "Hel"),
    (chunk({"content": "lo 🎈"}), "lo 🎈"),
    (chunk({"reasoning_content": "Hm."}), "Hm."),
    (chunk({"reasoning": "Hm."}), "Hm."),
    (chunk({"reasoning": "Hm.", "reasoning_content": "Hm."}), "Hm."),
    (chunk({"refusal": "No."}), "No."),
    (chunk({"content": [{"type": "text", "text": "a"}, {"type": "x"}, 7]}), "a"),
    (chunk(called(0, "", id="call_1", type="function")), ""),
    (chunk(called(0, '{"a')), '{"a'),
    (chunk({"function_call": {"name": "f", "arguments": '":1}'}}), '":1}'),
    (chunk({"audio": {"data": "AAAA", "transcript": "Hi"}}), "Hi"),
    (chunk({"content": 7, "tool_calls": "x", "function_call": [], "audio": None}), ""),
    (chunk({}, "stop"), ""),
    (LAST, ""),
]
STREAM = events(*(one for one, _ in SAID), DONE)
PIECES = [Piece(one, text) for one, text in SAID]
PIECES[-1].usage = USED


def test_a_chat_comes_in_pieces():
    assert read(openai, call(), [STREAM]) == (PIECES, True)
    assert read(openai, call(), bytewise(STREAM)) == (PIECES, True)


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_a_chat_is_the_same_however_it_is_cut(places: list[int]):
    assert read(openai, call(), cut(STREAM, places)) == (PIECES, True)


def test_completions_are_told_by_their_text():
    pieces = [
        {"choices": [{"index": 0, "text": "Hel", "finish_reason": None}]},
        {"choices": [{"index": 0, "text": "lo", "finish_reason": "length"}]},
        {"choices": [], "usage": COUNTED},
    ]

    found = read(openai, call(Operation.COMPLETIONS), [events(*pieces, DONE)])

    assert found == (
        [Piece(pieces[0], "Hel"), Piece(pieces[1], "lo"), Piece(pieces[2], "", USED)],
        True,
    )


def test_usage_is_replaced_by_what_is_told_later():
    early = chunk({"content": "a"}, usage={**COUNTED, "completion_tokens": 1})

    pieces, _ = read(openai, call(), [events(early, chunk({}, "stop"), LAST, DONE)])

    assert [one.usage for one in pieces] == [Usage(19, output_tokens=1), None, USED]


@pytest.mark.parametrize("wrong", [-1, 1.5, "7", 10**12, None])
def test_wrong_usage_is_none(wrong: Any):
    last = chunk(choices=[], usage={**COUNTED, "completion_tokens": wrong})

    pieces, _ = read(openai, call(), [events(chunk({"content": "a"}, "stop"), last, DONE)])

    assert usage_of(pieces) is None


def test_what_comes_after_the_end_is_not_read():
    pieces, was_complete = read(openai, call(), [STREAM + b"data: garbage\n\ndata: {}\n\n"])

    assert (pieces, was_complete) == (PIECES, True)


# ------------------------------------------------------------------------------------------------- end


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (call(), [chunk({"content": "a"}), chunk({}, "stop")]),
        (call(), [chunk({"content": "a"}), chunk({}, "stop"), LAST]),
        (call(n=2), [chunk({}, "stop"), chunk({}, "length", index=1)]),
    ],
)
def test_without_its_last_word_a_stream_is_over_when_all_is_finished(made: Call, sent: list[Any]):
    pieces, was_complete = read(openai, made, [events(*sent)])

    assert ([one.data for one in pieces], was_complete) == (sent, False)


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (call(), []),
        (call(), [chunk({"content": "a"})]),
        (call(), [LAST]),
        (call(), [chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop")]),
        (call(n=2), [chunk({}, "stop")]),
    ],
)
def test_a_stream_that_is_cut_is_no_answer(made: Call, sent: list[Any]):
    assert outcome(read, openai, made, [events(*sent)]) == UNKNOWN


def test_the_last_event_needs_no_empty_line():
    pieces, was_complete = read(openai, call(), [STREAM.removesuffix(b"\n\n")])

    assert (pieces, was_complete) == (PIECES, False)


# --------------------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'{"choices": "x"}',
        b'{"choices": 7}',
        b'{"choices": [7]}',
        b"\xff",
    ],
)
def test_what_is_no_chunk_ends_the_stream(garbage: bytes):
    stream = events(chunk({"content": "a"}), garbage, chunk({}, "stop"), DONE)

    assert outcome(read, openai, call(), [stream]) == UNKNOWN
    assert outcome(read, openai, call(), bytewise(stream)) == UNKNOWN


def test_odd_chunks_are_put_right():
    sent = {"choices": [{"index": [1], "delta": None}, {"delta": "x", "finish_reason": "stop"}]}

    pieces, _ = read(openai, call(), [events(sent, {"unheard": "of"}, DONE)])

    assert [one.data for one in pieces] == [
        {
            "choices": [
                {"index": [1], "delta": {}},
                {"delta": {}, "finish_reason": "stop"},
            ]
        },
        {"unheard": "of"},
    ]


ERRORS = [
    ({"message": "Slow", "code": 429}, (ProviderUnavailable, False, None)),
    ({"message": "Paid?", "code": "insufficient_quota"}, (AccountNeedsOwner, Need.BALANCE)),
    ({"message": "Long", "code": "context_length_exceeded"}, (ProviderRefused, Why.INVALID)),
    ({"message": "Bad", "type": "invalid_request_error"}, (ProviderRefused, Why.INVALID)),
    ({"message": "Key", "code": "invalid_api_key"}, (BadCredentials,)),
    ({"message": "Oops", "type": "server_error", "code": None}, UNKNOWN),
    ("Oops", UNKNOWN),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_an_error_in_a_stream_is_raised(error: Any, expected: Any):
    stream = events({"error": error})

    assert outcome(read, openai, call(), [stream]) == expected
    assert outcome(read, openai, call(), bytewise(stream)) == expected
    assert outcome(read, openai, call(), [events(chunk({"content": "a"})), stream]) == expected


def test_an_error_may_be_told_by_its_name():
    for stream in (
        b'event: error\ndata: {"message": "Slow", "code": 429}\n\n',
        b'data: {"object": "error", "message": "Slow", "code": 429}\n\n',
    ):
        assert outcome(read, openai, call(), [stream]) == (ProviderUnavailable, False, None)


def test_what_came_before_an_error_is_given_out_first():
    decoder = openai.decoder(call(is_stream=True), ACCESS)

    pieces = decoder.feed(events(chunk({"content": "a"}), {"error": {"code": 429}}))

    assert text_of(pieces) == "a"
    assert outcome(decoder.feed, b": still there\n\n") == (ProviderUnavailable, False, None)
    assert outcome(decoder.close) == (ProviderUnavailable, False, None)


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_plain_json_instead_of_a_stream_is_read_at_its_end(error: Any, expected: Any):
    body = events({"error": error}).removeprefix(b"data: ").replace(b",", b",\n\n")

    assert outcome(read, openai, call(), [body]) == expected
    assert outcome(read, openai, call(), bytewise(body)) == expected
    assert outcome(read, openai, call(), [b" [" + body.strip() + b"]"]) == expected


@pytest.mark.parametrize("body", [b'{"choices": []}', b"{", b"[[]]", b"{" * (1024 * 1024 + 1)])
def test_plain_json_that_is_no_error_is_no_answer(body: bytes):
    assert outcome(read, openai, call(), [body]) == UNKNOWN


def test_a_page_is_no_stream():
    assert outcome(read, openai, call(), [b"<html>\n\n</html>"]) == UNKNOWN


# --------------------------------------------------------------------------------- events with a type


def response(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


RESPONSES = [
    (response("created", response={"id": "resp_1", "usage": None}), ""),
    (response("output_text.delta", delta="Hel"), "Hel"),
    (response("output_text.done", text="Hello"), ""),
    (response("function_call_arguments.delta", delta='{"a":1}'), '{"a":1}'),
    (response("reasoning_summary_text.delta", delta="Hm."), "Hm."),
    (response("refusal.delta", delta="No."), "No."),
    (response("audio.delta", delta="AAAA"), ""),
    (response("output_text.delta", delta=7), ""),
]


@pytest.mark.parametrize("last", ["completed", "incomplete"])
@pytest.mark.parametrize("named", [True, False])
def test_responses_pass_as_they_are(last: str, named: bool):
    used = {"input_tokens": 19, "output_tokens": 10}
    end = response(last, response={"id": "resp_1", "error": None, "usage": used})
    stream = events(*(one for one, _ in RESPONSES), end, named=named)
    expected = [Piece(one, text, event=one["type"]) for one, text in RESPONSES]
    expected.append(Piece(end, "", USED, event=end["type"]))

    for cuts in ([stream], bytewise(stream)):
        assert read(openai, call(Operation.RESPONSES), cuts) == (expected, True)


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_a_response_that_failed_is_an_error(error: Any, expected: Any):
    begun = RESPONSES[0][0]
    ends = [response("failed", response={"error": error})]
    if isinstance(error, dict):
        ends.append({**error, "type": "error", "kind": error.get("type")})

    assert outcome(read, openai, call(Operation.RESPONSES), [events(begun, ends[0])]) == expected
    if len(ends) > 1 and error.get("type") is None:
        assert outcome(read, openai, call(Operation.RESPONSES), [events(ends[1])]) == expected


def test_a_response_without_an_end_is_cut():
    stream = events(*(one for one, _ in RESPONSES))

    assert outcome(read, openai, call(Operation.RESPONSES), [stream]) == UNKNOWN


def test_pictures_are_counted_as_they_come():
    used = {"input_tokens": 50, "output_tokens": 100}
    done = {"type": "image_generation.completed", "b64_json": "AAAA", "usage": used}
    stream = events({"type": "image_generation.partial_image", "b64_json": "AA"}, done, done)

    pieces, was_complete = read(openai, call(Operation.IMAGES, n=2), bytewise(stream))

    assert was_complete
    assert [one.usage for one in pieces] == [
        None,
        Usage(input_tokens=50, output_tokens=100, images=1),
        Usage(input_tokens=100, output_tokens=200, images=2),
    ]


def test_a_transcript_comes_in_pieces():
    used = {"type": "tokens", "input_tokens": 14, "output_tokens": 4}
    sent = [
        {"type": "transcript.text.delta", "delta": "Hi"},
        {"type": "transcript.text.done", "text": "Hi", "usage": used},
    ]

    assert read(openai, call(Operation.TRANSCRIPTION), [events(*sent)]) == (
        [
            Piece(sent[0], "Hi", event=sent[0]["type"]),
            Piece(sent[1], "", Usage(input_tokens=14, output_tokens=4), event=sent[1]["type"]),
        ],
        True,
    )


def test_speech_may_come_as_events():
    made = call(Operation.SPEECH, input="Hello", stream_format="sse")
    used = {"input_tokens": 2, "output_tokens": 30}
    sent = [
        {"type": "speech.audio.delta", "audio": "AAAA"},
        {"type": "speech.audio.done", "usage": used},
    ]

    assert read(openai, made, [events(*sent)]) == (
        [
            Piece(sent[0], event=sent[0]["type"]),
            Piece(
                sent[1],
                usage=Usage(input_tokens=2, output_tokens=30, characters=5),
                event=sent[1]["type"],
            ),
        ],
        True,
    )


def test_sound_passes_as_bytes():
    used = Usage(characters=5)

    assert read(openai, call(Operation.SPEECH, input="Hello"), [b"ID3", b"", b"{\n\n"]) == (
        [Piece(None, usage=used, raw=b"ID3"), Piece(None, usage=used, raw=b"{\n\n")],
        False,
    )
    assert outcome(read, openai, call(Operation.SPEECH, input="Hello"), []) == UNKNOWN
