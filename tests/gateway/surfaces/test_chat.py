from typing import Any

import pytest

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces.base import Parsed
from apps.gateway.surfaces.chat import SURFACE
from apps.providers.llm.base import Piece
from tests.gateway.surfaces.samples import (
    ANSWER,
    BILL,
    CHAT_USAGE,
    LIMITED,
    USAGE,
    chunk,
    events,
    streamed,
    written,
)

HELLO = {"model": "asked", "messages": [{"role": "user", "content": "Hello"}]}
STOP = [chunk({"content": "Hi"}), chunk({}, "stop")]


def ours(data: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**data, "model": "asked", **fields}


def test_a_request_is_cleaned_and_what_it_says_about_itself_is_told_beside():
    body = {
        **HELLO,
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
        "temperature": "0.5",
        "max_tokens": "100",
        "n": 2.0,
        "seed": None,
        "top_k": 3,
        "metadata": {"team": "a"},
        "service_tier": "priority",
        "store": True,
        "API-Base": "http://10.0.0.1",
        "vertex_project": "x",
        "litellm_params": {},
        "extra_headers": {"a": "b"},
    }
    assert SURFACE.parse(body) == Parsed(
        model="asked",
        is_stream=True,
        wants_usage=True,
        body={
            "messages": HELLO["messages"],
            "temperature": 0.5,
            "max_tokens": 100,
            "n": 2,
            "top_k": 3,
        },
    )
    assert SURFACE.parse(HELLO) == Parsed("asked", False, {"messages": HELLO["messages"]})


def test_the_common_language_is_itself():
    body = SURFACE.parse(HELLO).body
    assert SURFACE.to_chat(body) == body
    assert SURFACE.to_chat(body) is not body


IMAGE = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
FINE = [
    [{"role": "system", "content": "x"}, {"role": "developer", "content": [{"type": "text", "text": "y"}]}],
    [{"role": "user", "content": [IMAGE, {"type": "image_url", "image_url": "data:image/png;base64,AA"}]}],
    [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}],
    [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}]}],
    [{"role": "user", "content": [{"type": "of_the_future", "anything": 1}]}],
    [
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "4"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "2", "type": "custom", "custom": {}}]},
    ],
]  # fmt: skip


@pytest.mark.parametrize("messages", FINE)
def test_messages_that_pass_as_they_are(messages: list[Any]):
    assert SURFACE.parse({**HELLO, "messages": messages}).body == {"messages": messages}


def user(part: Any) -> list[Any]:
    return [{"role": "user", "content": [part]}]


REFUSED = [
    ({"model": None}, "model", "This field is required."),
    ({"model": ""}, "model", "Give the name of a model."),
    ({"model": "a\nb"}, "model", "Give the name of a model."),
    ({"model": 5}, "model", "Give the name of a model."),
    ({"messages": None}, "messages", "This field is required."),
    ({"messages": "Hello"}, "messages", "This must be a list."),
    ({"messages": []}, "messages", "Give at least one message."),
    ({"messages": ["Hello"]}, "messages.0", "This must be an object."),
    (
        {"messages": [{"role": "king", "content": "x"}]},
        "messages.0.role",
        "Give one of assistant, developer, function, system, tool, user.",
    ),
    ({"messages": [{"role": "user"}]}, "messages.0.content", "Give a string or a list of parts."),
    ({"messages": user("x")}, "messages.0.content.0", "This must be an object."),
    ({"messages": user({})}, "messages.0.content.0.type", "This must be a string."),
    ({"messages": user({"type": "text"})}, "messages.0.content.0.text", "This must be a string."),
    (
        {"messages": user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}})},
        "messages.0.content.0.image_url.url",
        "Give an http(s) or data address.",
    ),
    (
        {"messages": user({"type": "file", "file": {"file_id": "file-1"}})},
        "messages.0.content.0.file.file_id",
        "Files of a provider are not reachable from here; send the file itself as file_data.",
    ),
    (
        {"messages": [{"role": "tool", "content": "4"}]},
        "messages.0.tool_call_id",
        "This field is required.",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]},
        "messages.0.tool_calls.0.function.name",
        "This must be a string.",
    ),
    ({"temperature": 2.1}, "temperature", "Give a number from 0 to 2."),
    ({"temperature": float("nan")}, "temperature", "Give a number from 0 to 2."),
    ({"temperature": True}, "temperature", "Give a number from 0 to 2."),
    ({"top_p": "1_0"}, "top_p", "Give a number from 0 to 1."),
    ({"n": 129}, "n", "Give a whole number from 1 to 128."),
    ({"n": True}, "n", "Give a whole number from 1 to 128."),
    ({"n": 1.5}, "n", "Give a whole number from 1 to 128."),
    ({"max_tokens": 0}, "max_tokens", "Give a whole number from 1 to 2147483647."),
    ({"max_tokens": 10**400}, "max_tokens", "Give a whole number from 1 to 2147483647."),
    ({"max_tokens": "9" * 5000}, "max_tokens", "Give a whole number from 1 to 2147483647."),
    ({"stream": "true"}, "stream", "This must be true or false."),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage", "This must be true or false."),
    ({"stop": ["a"] * 17}, "stop", "Give at most 16."),
    ({"stop": [1]}, "stop.0", "This must be a string."),
    ({"presence_penalty": -3}, "presence_penalty", "Give a number from -2 to 2."),
    ({"tools": {}}, "tools", "This must be a list."),
    (
        {"tools": [{"type": "web_search"}]},
        "tools.0.type",
        "Give function; tools that a provider runs are not offered.",
    ),
    ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name", "This must be a string."),
    ({"tool_choice": 1}, "tool_choice", "This must be a string or an object."),
    ({"response_format": {}}, "response_format.type", "This must be a string."),
    ({"top_logprobs": 21}, "top_logprobs", "Give a whole number from 0 to 20."),
    (
        {"web_search_options": {}},
        "web_search_options",
        "Searching the web is not offered; use tools of your own.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "message"), REFUSED)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, message: str):
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.parse({**HELLO, **changes})
    assert (raised.value.message, raised.value.detail) == (f"{field}: {message}", {"field": field})


def test_an_answer_has_the_asked_name_the_cost_and_nothing_of_what_the_provider_told_of_costs():
    answer = SURFACE.answer(ANSWER, SURFACE.parse(HELLO), is_native=True, usage=USAGE, bill=BILL)
    assert answer == {**ANSWER, "model": "asked", "usage": CHAT_USAGE}


def test_without_being_asked_for_the_usage_comes_with_the_last_choice():
    assert events(streamed(SURFACE, HELLO, [*STOP, {"choices": [], "usage": {"cost": 9}}])) == [
        ours(STOP[0]),
        ours(STOP[1], usage=CHAT_USAGE),
        "[DONE]",
    ]


def test_who_asked_for_the_usage_gets_a_chunk_of_its_own():
    body = {**HELLO, "stream_options": {"include_usage": True}}
    last = {key: STOP[0][key] for key in ("id", "object", "created")}
    assert events(streamed(SURFACE, body, STOP)) == [
        ours(STOP[0], usage=None),
        ours(STOP[1], usage=None),
        ours(last, choices=[], usage=CHAT_USAGE),
        "[DONE]",
    ]


def test_the_id_stays_and_other_fields_pass():
    pieces = [
        chunk({"content": "Hi"}, id="first", system_fingerprint="fp"),
        chunk({"reasoning_content": "x"}, id="second", created=5),
        chunk({}, "stop", id="third"),
    ]
    assert events(streamed(SURFACE, HELLO, pieces)) == [
        ours(pieces[0]),
        ours(pieces[1], id="first", created=1700000000),
        ours(pieces[2], id="first", usage=CHAT_USAGE),
        "[DONE]",
    ]


def test_only_the_last_of_several_finishes_waits():
    def finish(index: int) -> dict[str, Any]:
        return chunk({}, choices=[{"index": index, "delta": {}, "finish_reason": "stop"}])

    pieces = [finish(0), chunk({"content": "b"}), finish(1)]
    assert events(streamed(SURFACE, HELLO, pieces)) == [
        ours(pieces[1]),
        ours(pieces[0]),
        ours(pieces[2], usage=CHAT_USAGE),
        "[DONE]",
    ]


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_provider_that_does_not_say_why_it_stopped_stopped(wants_usage: bool):
    body = {**HELLO, "stream_options": {"include_usage": wants_usage}}
    found = events(streamed(SURFACE, body, STOP[:1]))
    finishes = [one["choices"][0]["finish_reason"] for one in found[:-1] if one["choices"]]
    assert finishes == [None, "stop"]
    assert found[-2]["usage"] == CHAT_USAGE
    assert found[-1] == "[DONE]"


def test_a_broken_stream_ends_with_the_error():
    encoder = SURFACE.encoder(SURFACE.parse(HELLO), is_native=True)
    error = {**LIMITED.body["error"], "param": "model"}
    assert events(written(encoder, STOP[:1]) + encoder.failed(LIMITED)) == [
        ours(STOP[0]),
        {**LIMITED.body, "error": error},
        "[DONE]",
    ]


def test_pieces_without_data_and_odd_ones_are_nothing():
    encoder = SURFACE.encoder(SURFACE.parse(HELLO), is_native=True)
    assert encoder.piece(Piece(None, raw=b"x")) == b""
    assert written(encoder, [{}, {"choices": 5}, {"choices": []}]) == b""
    assert encoder.keep_alive == b": keep-alive\n\n"


def test_what_the_fast_encoder_refuses_is_written_too():
    stream = streamed(SURFACE, HELLO, [chunk({"content": "\ud800"}, odd=2**70), STOP[1]])
    assert stream.startswith(b"data: {")
    assert b"\\ud800" in stream
