"""The language model behind OpenAI's chat completions."""

import json
from typing import Any

import httpx
import openai
import pytest

ASK: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "London"]}},
            "required": ["city"],
        },
    },
}


def refused(wire: httpx.Client, path: str, **body: object) -> tuple[int, Any]:
    answer = wire.post(path, json=body)
    return answer.status_code, answer.json()["error"]


def test_an_answer_has_its_usage_and_nothing_of_the_machine(wire: httpx.Client) -> None:
    body = {"model": "local-chat", "messages": ASK, "max_tokens": 6}
    answer = wire.post("/v1/chat/completions", json=body).json()
    assert answer.keys() == {"id", "object", "created", "model", "choices", "usage"}
    assert (answer["object"], answer["model"]) == ("chat.completion", "local-chat")
    assert answer["usage"] == {"prompt_tokens": 37, "completion_tokens": 6, "total_tokens": 43}
    [choice] = answer["choices"]
    assert (choice["finish_reason"], choice["message"]["role"]) == ("length", "assistant")
    assert choice["message"]["content"]


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "local-chat", "messages": ASK, "max_tokens": 8, "seed": 1}
    whole = client.chat.completions.create(**asked)
    stream = client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_asking_a_stream_tells_no_usage(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="local-chat", messages=ASK, max_tokens=2, stream=True)
    )
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_a_schema_is_kept_to(client: openai.OpenAI) -> None:
    schema: Any = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="local-chat",
        messages=ASK,
        max_tokens=30,
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
    )
    assert json.loads(answer.choices[0].message.content or "") in ({"ok": True}, {"ok": False})


def test_a_tool_that_must_be_called_is_called(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "local-chat",
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
        "tools": [WEATHER],
        "tool_choice": "required",
        "max_tokens": 60,
        "seed": 1,
    }
    [choice] = client.chat.completions.create(**asked).choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    [call] = choice.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in ("Paris", "London")

    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "tool_calls"
    [told] = [c.choices[0].delta.tool_calls for c in chunks if c.choices[0].delta.tool_calls]
    assert told[0].function.arguments == call.function.arguments


def test_a_conversation_with_parts_developer_and_tools_is_read(client: openai.OpenAI) -> None:
    messages: list[Any] = [
        {"role": "developer", "content": "Answer in one word."},
        {"role": "user", "content": [{"type": "text", "text": "Is it warm in Paris?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "31 degrees"},
    ]
    answer = client.chat.completions.create(
        model="local-chat", messages=messages, tools=[WEATHER], max_tokens=3
    )
    assert answer.choices[0].message.tool_calls is None
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3


def test_old_completions_go_on_with_a_text(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="local-chat", prompt="One, two, three,", max_tokens=4)
    assert (answer.object, answer.model) == ("text_completion", "local-chat")
    assert answer.choices[0].text
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4


@pytest.mark.parametrize("is_stream", [False, True])
def test_what_does_not_fit_is_refused_before_anything_is_written(
    wire: httpx.Client, is_stream: bool
) -> None:
    long = [{"role": "user", "content": "word " * 3000}]
    assert refused(
        wire, "/v1/chat/completions", model="local-chat", messages=long, stream=is_stream
    ) == (
        400,
        {
            "message": "This model's maximum context length is 2048 tokens, but the request has 3031. "
            "Shorten it.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
    )


@pytest.mark.parametrize(
    ("changed", "param", "message"),
    [
        ({"n": 2}, "n", "one answer at a time"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"model": "gpt-5"}, "model", "does not exist"),
        ({"response_format": {"type": "xml"}}, "response_format", "must be text"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"type": "banana"}},
                }
            },
            None,
            "unrecognized type banana",
        ),
        ({"tool_choice": "required"}, "tool_choice", "names no function"),
        ({"tool_choice": "sometimes"}, "tool_choice", "must be none, auto"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content",
            "reads text only",
        ),
    ],
)
def test_what_it_cannot_do_is_said(
    wire: httpx.Client, changed: dict[str, object], param: str | None, message: str
) -> None:
    body = {"model": "local-chat", "messages": ASK} | changed
    status, error = refused(wire, "/v1/chat/completions", **body)
    assert (status, error["param"]) == (404 if param == "model" else 400, param)
    assert message in error["message"]


def test_numbers_of_any_size_are_taken(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="local-chat", messages=ASK, seed=2**70, max_tokens=10**9, stop=["", "a", "e"]
    )
    assert answer.choices[0].finish_reason == "stop"


def test_who_leaves_gives_the_slot_to_the_next(wire: httpx.Client) -> None:
    body = {
        "model": "local-chat",
        "messages": [{"role": "user", "content": "Count from one to a thousand."}],
        "stream": True,
        "max_tokens": 1500,
        "logit_bias": {"2": -100},  # it never stops by itself
    }
    for _ in range(4):  # one more than there are slots
        with wire.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert next(answer.iter_lines()).startswith("data: ")
    while wire.get("/healthz").json()["chat_slots"] != {"busy": 0, "waiting": 0}:
        pass
