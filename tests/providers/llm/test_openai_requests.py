from typing import Any

import pytest

from apps.core.wire import Request
from apps.providers.base import Access, AccountNeedsOwner, BadCredentials, ProviderRefused
from apps.providers.llm.base import Call, FilePart, Operation
from apps.providers.llm.registry import llm_provider
from tests.providers.llm.samples import ACCESS, HELLO, KEY, access, asked, call, outcome, request

WAV = FilePart("file", 'my "first"\r\nsong.wav', "audio/wav", b"RIFF\r\n--form\x00WAVE")


def test_a_chat_goes_out_as_it_is_but_for_the_model():
    made = call(temperature=0.5, logit_bias={"50256": -100}, unheard_of={"a": [1]})

    sent = request("openai", made)

    assert sent == Request(
        "POST",
        "https://api.openai.com/v1/chat/completions",
        headers={
            "authorization": f"Bearer {KEY}",
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=sent.body,
        timeout_seconds=600,
        max_bytes=64 * 1024 * 1024,
    )
    assert asked("openai", made) == {
        "messages": HELLO,
        "temperature": 0.5,
        "logit_bias": {"50256": -100},
        "unheard_of": {"a": [1]},
        "model": "m-1",
        "stream": False,
    }
    assert made.body == {
        "messages": HELLO,
        "temperature": 0.5,
        "logit_bias": {"50256": -100},
        "unheard_of": {"a": [1]},
    }


@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.COMPLETIONS])
@pytest.mark.parametrize(
    ("options", "config", "expected"),
    [
        (None, {}, {"include_usage": True}),
        ({"include_usage": False, "x": 1}, {}, {"include_usage": True, "x": 1}),
        (None, {"stream_usage": False}, None),
        ({"include_usage": True}, {"stream_usage": False}, None),
    ],
)
def test_a_stream_is_asked_for_its_usage(
    operation: Operation, options: Any, config: dict[str, Any], expected: Any
):
    made = call(operation, is_stream=True, stream_options=options, stream=True)

    sent = asked("openai", made, access(**config))

    assert sent["stream"] is True
    assert sent.get("stream_options") == expected
    assert request("openai", made).headers["accept"] == "text/event-stream"


def test_a_whole_answer_has_no_options_of_streams():
    sent = asked("openai", call(stream_options={"include_usage": True}, stream=True))

    assert sent == {"messages": HELLO, "model": "m-1", "stream": False}


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (Operation.CHAT, "/chat/completions"),
        (Operation.COMPLETIONS, "/completions"),
        (Operation.RESPONSES, "/responses"),
        (Operation.EMBEDDINGS, "/embeddings"),
        (Operation.IMAGES, "/images/generations"),
        (Operation.IMAGE_EDITS, "/images/edits"),
        (Operation.SPEECH, "/audio/speech"),
        (Operation.TRANSCRIPTION, "/audio/transcriptions"),
        (Operation.TRANSLATION, "/audio/translations"),
        (Operation.MODERATION, "/moderations"),
    ],
)
def test_each_operation_has_its_path(operation: Operation, path: str):
    at = "https://llm.example.com/api/v3/"

    assert request("openai", call(operation)).url == f"https://api.openai.com/v1{path}"
    assert request("openai", call(operation), access(at)).url == (
        f"https://llm.example.com/api/v3{path}"
    )


def test_what_an_account_would_keep_is_not_kept():
    made = call(
        Operation.RESPONSES,
        input="Hi",
        store=True,
        previous_response_id="resp_1",
        conversation="conv_1",
        background=True,
    )

    assert asked("openai", made) == {
        "input": "Hi",
        "model": "m-1",
        "stream": False,
        "store": False,
    }


@pytest.mark.parametrize(
    ("at", "config", "expected"),
    [
        ("", {}, True),
        ("https://api.openai.com/v1", {}, True),
        ("https://eu.api.openai.com", {}, True),
        ("https://llm.example.com", {}, False),
        ("https://api.openai.com.example.com", {}, False),
        ("https://fakeapi.openai.com", {}, False),
        ("https://[", {}, False),
        ("https://llm.example.com", {"native_responses": True}, True),
        ("", {"native_responses": False}, False),
    ],
)
def test_responses_are_spoken_where_they_are_known(at: str, config: Any, expected: bool):
    assert llm_provider("openai").speaks(Operation.RESPONSES, access(at, **config)) is expected


def test_without_an_account_it_speaks_what_every_server_does():
    spoken = [one for one in Operation if llm_provider("openai").speaks(one)]

    assert spoken == [
        one for one in Operation if one not in (Operation.RESPONSES, Operation.MESSAGES)
    ]


def test_a_recording_is_a_form(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("apps.providers.forms.token_hex", lambda size: "0" * size)
    made = call(
        Operation.TRANSCRIPTION,
        files=(WAV,),
        language="de",
        temperature=0.2,
        prompt=None,
        timestamp_granularities=["word", "segment"],
        chunking_strategy={"type": "server_vad"},
    )

    sent = request("openai", made)

    mark = "--form-" + "0" * 16
    assert sent.headers["content-type"] == "multipart/form-data; boundary=form-" + "0" * 16
    assert sent.headers["accept"] == "*/*"
    fields = [
        ("language", "de"),
        ("temperature", "0.2"),
        ("timestamp_granularities[]", "word"),
        ("timestamp_granularities[]", "segment"),
        ("chunking_strategy", '{"type":"server_vad"}'),
        ("model", "m-1"),
    ]
    written = "".join(
        f'{mark}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    file = (
        f'{mark}\r\ncontent-disposition: form-data; name="file"; filename="my %22first%22%0D%0Asong.wav"\r\n'
        "content-type: audio/wav\r\n\r\n"
    )
    assert sent.body == written.encode() + file.encode() + WAV.data + f"\r\n{mark}--\r\n".encode()


def test_a_streamed_transcript_is_asked_for_in_the_form():
    sent = request("openai", call(Operation.TRANSCRIPTION, files=(WAV,), is_stream=True))

    assert b'name="stream"\r\n\r\ntrue\r\n' in sent.body


def test_no_two_forms_have_the_same_boundary():
    made = call(Operation.IMAGE_EDITS, files=(WAV,))

    assert request("openai", made).body != request("openai", made).body


def test_speech_is_asked_for_as_the_customer_did():
    made = call(Operation.SPEECH, input="Hi", voice="alloy", stream_format="sse", is_stream=True)

    assert asked("openai", made) == {
        "input": "Hi",
        "voice": "alloy",
        "stream_format": "sse",
        "model": "m-1",
    }


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [2**70, nested(300), {1, 2}])
def test_what_json_has_no_words_for_is_refused(value: Any):
    sent: Call = call(seed=value)

    assert outcome(request, "openai", sent) == (ProviderRefused, ProviderRefused.Why.INVALID)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "federation"])
@pytest.mark.parametrize("key", ["", "kéy", "a\r\nb"])
def test_a_key_that_is_none_is_not_sent(provider: str, key: str):
    assert outcome(request, provider, call(), Access("https://a.example", key)) == (BadCredentials,)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "federation", "local"])
def test_an_address_that_is_none_is_the_owners(provider: str):
    found = outcome(request, provider, call(), Access("ftp://a.example", KEY))

    assert found[0] is AccountNeedsOwner


def test_the_account_is_no_part_of_the_body():
    assert KEY.encode() not in request("openai", call(), ACCESS).body
