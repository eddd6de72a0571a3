from typing import Any

import pytest

from apps.core.wire import Response
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from apps.providers.llm.base import Answer, Call, Operation, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import ACCESS, PNG, call, outcome
from tests.providers.wire import answer

openai = llm_provider("openai")
Why = ProviderRefused.Why
UNKNOWN = (ProviderUnavailable, True, None)
COUNTED = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
CHAT = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello!",
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {**COUNTED, "prompt_tokens_details": {"cached_tokens": 3}},
    "service_tier": "default",
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "error": None,
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {
        "input_tokens": 36,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 87,
        "output_tokens_details": {"reasoning_tokens": 8},
        "total_tokens": 123,
    },
}
PICTURES = {"created": 1, "data": [{"b64_json": PNG}, {"url": "https://files.example/1.png"}]}


def given(made: Call, body: Any, status: int = 200, **headers: str) -> Any:
    return outcome(openai.answer, made, answer(body, status, **headers), ACCESS)


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        (Operation.CHAT, CHAT, Usage(input_tokens=9, cached_tokens=3, output_tokens=12)),
        (Operation.CHAT, CHAT | {"usage": None}, None),
        (Operation.CHAT, CHAT | {"usage": {**COUNTED, "prompt_tokens": -9}}, None),
        (
            Operation.COMPLETIONS,
            {"choices": [{"text": "Hi", "index": 0}], "usage": COUNTED},
            Usage(input_tokens=9, output_tokens=12),
        ),
        (
            Operation.RESPONSES,
            RESPONSE,
            Usage(input_tokens=36, cached_tokens=4, output_tokens=87, reasoning_tokens=8),
        ),
        (Operation.RESPONSES, {"output": [], "status": "incomplete"}, None),
        (
            Operation.EMBEDDINGS,
            {"data": [{"embedding": [0.1]}], "usage": {"prompt_tokens": 8, "total_tokens": 8}},
            Usage(input_tokens=8),
        ),
        (Operation.IMAGES, PICTURES, Usage(images=2)),
        (
            Operation.IMAGES,
            PICTURES | {"usage": {"input_tokens": 50, "output_tokens": 4160}},
            Usage(input_tokens=50, output_tokens=4160, images=2),
        ),
        (Operation.IMAGE_EDITS, {"data": [{"b64_json": PNG}, {}]}, Usage(images=1)),
        (Operation.MODERATION, {"id": "modr-1", "results": [{"flagged": False}]}, None),
        (Operation.TRANSCRIPTION, {"text": "Hi", "usage": {"type": "duration", "seconds": 9}}, Usage(audio_ms=9000)),
        (
            Operation.TRANSCRIPTION,
            {
                "text": "Hi",
                "usage": {
                    "type": "tokens",
                    "input_tokens": 14,
                    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                    "output_tokens": 45,
                },
            },
            Usage(input_tokens=14, audio_input_tokens=14, output_tokens=45),
        ),
        (Operation.TRANSCRIPTION, {"text": "Hi", "duration": 8.47, "language": "en"}, Usage(audio_ms=8470)),
        (Operation.TRANSLATION, {"text": "Hi", "duration": "2.5"}, Usage(audio_ms=2500)),
        (Operation.TRANSCRIPTION, {"text": "Hi"}, None),
    ],
)  # fmt: skip
def test_an_answer_passes_with_its_usage(operation: Operation, body: Any, expected: Any):
    assert given(call(operation), body) == Answer(body, expected)


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_a_transcript_may_be_text(form: str):
    found = given(
        call(Operation.TRANSCRIPTION, response_format=form),
        b"{laughs} WEBVTT",
        content_type="text/plain",
    )

    assert found == Answer(b"{laughs} WEBVTT", None, content_type="text/plain; charset=utf-8")


@pytest.mark.parametrize(
    ("said", "form", "expected"),
    [
        ("audio/mpeg", None, "audio/mpeg"),
        ("audio/L16; rate=24000", "pcm", "audio/l16"),
        ("text/html", None, "audio/mpeg"),
        ("application/octet-stream", "opus", "audio/ogg"),
        ("audio/x\r\nset-cookie: a", "wav", "audio/wav"),
        ("", "flac", "audio/flac"),
        ("", "<script>", "application/octet-stream"),
    ],
)
def test_speech_is_sound_paid_by_the_character(said: str, form: Any, expected: str):
    made = call(Operation.SPEECH, input="Grüße 🎈", response_format=form)

    found = given(made, b"ID3\x00", content_type=said)

    assert found == Answer(b"ID3\x00", Usage(characters=7), content_type=expected)


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"x"',
        {},
        {"choices": [], "data": []},
        {"choices": "x", "data": 7},
        {"choices": [7], "data": [None]},
    ],
)
def test_what_is_no_answer_may_have_been_one(operation: Operation, body: Any):
    assert given(call(operation), body) == UNKNOWN


def test_a_choice_without_a_message_is_none():
    assert given(call(), {"choices": [{"index": 0, "text": "x"}]}) == UNKNOWN


def test_an_answer_nested_absurdly_deep_is_none():
    deep = b'{"choices": [{"message": ' + b"[" * 400 + b"]" * 400 + b"}]}"

    assert given(call(), deep) == UNKNOWN


def test_a_sloppy_answer_is_put_right():
    body = b'{"choices": [{"message": {"content": "\\ud800"}, "logprob": NaN}]}'

    assert given(call(), body) == Answer(
        {"choices": [{"message": {"content": "?"}, "logprob": None}]}, None
    )


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.TRANSCRIPTION, {"text": None}),
        (Operation.SPEECH, b""),
    ],
)
def test_speech_and_transcripts_must_be_there(operation: Operation, body: Any):
    assert given(call(operation), body) == UNKNOWN


@pytest.mark.parametrize("data", [[], [{}], [{"b64_json": ""}]])
def test_no_picture_is_a_failure(data: Any):
    assert given(call(Operation.IMAGES), {"data": data}) == (ProviderRefused, Why.FAILED)


ERRORS_IN_SUCCESS = [
    ({"message": "Slow down", "code": 429}, (ProviderUnavailable, False, None)),
    ({"message": "No credits", "code": "insufficient_quota"}, (AccountNeedsOwner, Need.BALANCE)),
    ({"message": "Paid?", "code": 402}, (AccountNeedsOwner, Need.BALANCE)),
    ({"message": "Bad field", "type": "invalid_request_error"}, (ProviderRefused, Why.INVALID)),
    ({"message": "Bad field", "code": 400}, (ProviderRefused, Why.INVALID)),
    ({"message": "Flagged", "code": "content_policy_violation"}, (ProviderRefused, Why.MODERATED)),
    ({"message": "Who?", "code": "invalid_api_key"}, (BadCredentials,)),
    ({"message": "Oops", "type": "server_error"}, UNKNOWN),
    ("Oops", UNKNOWN),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS_IN_SUCCESS)
@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.TRANSCRIPTION, Operation.IMAGES])
def test_an_error_that_calls_itself_a_success(operation: Operation, error: Any, expected: Any):
    assert given(call(operation), {"error": error}) == expected


@pytest.mark.parametrize(("error", "expected"), ERRORS_IN_SUCCESS)
def test_an_error_instead_of_sound_or_text(error: Any, expected: Any):
    for made in (call(Operation.SPEECH), call(Operation.TRANSCRIPTION, response_format="srt")):
        found = given(made, {"error": error}, content_type="application/json; charset=utf-8")
        assert found == expected


def test_a_success_without_an_object_is_no_failure_of_the_account():
    assert outcome(openai.answer, call(), Response(200, {}, b"OK"), ACCESS) == UNKNOWN
