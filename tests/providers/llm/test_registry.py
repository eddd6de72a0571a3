"""Which providers there are, and what another server and the local one speak."""

from typing import Any

import pytest

from apps.core.wire import Request
from apps.providers.base import Access
from apps.providers.llm.base import Answer, Operation, Usage
from apps.providers.llm.registry import llm_provider, names
from apps.providers.registry import UnknownProvider
from tests.providers.llm.samples import (
    HELLO,
    KEY,
    access,
    asked,
    call,
    events,
    read,
    request,
)
from tests.providers.wire import answer

HOST = "https://other.example"
MESSAGE = {
    "type": "message",
    "content": [{"type": "text", "text": "Hi"}],
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
federation, local = llm_provider("federation"), llm_provider("local")


def test_providers_are_found_by_their_names():
    assert names() == ("openai", "anthropic", "google", "federation", "local")
    assert [llm_provider(name).name for name in names()] == list(names())


def test_another_name_is_unknown():
    with pytest.raises(UnknownProvider, match="There is no provider 'suno'"):
        llm_provider("suno")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic", [Operation.CHAT, Operation.MESSAGES]),
        (
            "google",
            [Operation.CHAT, Operation.EMBEDDINGS, Operation.IMAGES, Operation.IMAGE_EDITS],
        ),
        ("federation", [one for one in Operation if one is not Operation.RESPONSES]),
        (
            "local",
            [one for one in Operation if one not in (Operation.RESPONSES, Operation.MESSAGES)],
        ),
    ],
)
def test_what_each_speaks(name: str, expected: Any):
    assert [one for one in Operation if llm_provider(name).speaks(one)] == expected


# -------------------------------------------------------------------------------------- another server


@pytest.mark.parametrize("end", ["", "/", "/v1", "/api/v1", "/api/v1/"])
def test_another_server_is_found_however_its_address_is_given(end: str):
    assert request("federation", call(), access(HOST + end)).url == f"{HOST}/v1/chat/completions"


def test_another_server_may_be_below_a_path():
    found = request("federation", call(Operation.MESSAGES), access(f"{HOST}/yard"))

    assert found.url == f"{HOST}/yard/v1/messages"


def test_another_server_takes_messages():
    made = call(Operation.MESSAGES, is_stream=True, max_tokens=5)

    found = request("federation", made, access(HOST))

    assert found == Request(
        "POST",
        f"{HOST}/v1/messages",
        headers={
            "authorization": f"Bearer {KEY}",
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            "accept": "text/event-stream",
        },
        body=found.body,
        timeout_seconds=600,
        max_bytes=64 * 1024 * 1024,
    )
    assert asked("federation", made, access(HOST)) == {
        "messages": HELLO,
        "max_tokens": 5,
        "model": "m-1",
        "stream": True,
    }


def test_another_server_answers_messages():
    used = Usage(input_tokens=3, output_tokens=2)
    made = call(Operation.MESSAGES)
    stream = events(
        {"type": "message_start", "message": MESSAGE}, {"type": "message_stop"}, named=True
    )

    assert federation.answer(made, answer(MESSAGE), access(HOST)) == Answer(MESSAGE, used)
    pieces, was_complete = read(federation, made, [stream])
    assert ([one.usage for one in pieces], was_complete) == ([used, None], True)


def test_another_server_answers_chats():
    body = {"choices": [{"message": {}}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    stream = events({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}, b"[DONE]")

    found = federation.answer(call(), answer(body), access(HOST))

    assert found == Answer(body, Usage(input_tokens=1, output_tokens=2))
    assert [one.text for one in read(federation, call(), [stream])[0]] == ["Hi"]


@pytest.mark.parametrize("chosen", [True, False, None])
def test_another_server_says_whether_it_knows_responses(chosen: Any):
    given = access(HOST, native_responses=chosen)

    assert federation.speaks(Operation.RESPONSES, given) is (chosen is True)


# --------------------------------------------------------------------------------------- the local one


@pytest.mark.parametrize("end", ["", "/v1"])
def test_the_local_server_needs_no_key(end: str):
    found = request("local", call(), Access(f"http://127.0.0.1:8710{end}", ""))

    assert (found.url, dict(found.headers)) == (
        "http://127.0.0.1:8710/v1/chat/completions",
        {"content-type": "application/json", "accept": "application/json"},
    )


def test_the_local_server_gets_a_key_that_there_is():
    found = request("local", call(), Access("http://127.0.0.1:8710", KEY))

    assert found.headers["authorization"] == f"Bearer {KEY}"
