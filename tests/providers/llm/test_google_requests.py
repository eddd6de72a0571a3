"""Every part of a chat in Gemini's words."""

from typing import Any

import pytest

from apps.core.wire import Request
from apps.providers.base import AccountNeedsOwner, Need, ProviderRefused
from apps.providers.llm.base import Operation
from tests.providers.llm.samples import (
    ANSWER_SCHEMA,
    BY_SCHEMA,
    KEY,
    PDF,
    PICTURE,
    PNG,
    WEATHER,
    access,
    asked,
    call,
    outcome,
    request,
)

INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
HOST = "https://generativelanguage.googleapis.com/v1beta/models"
DECLARED = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}},
        "required": ["city"],
    },
}


def sent(**body: Any) -> Any:
    return asked("google", call(**body))


def turn(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": [{"text": p} if isinstance(p, str) else p for p in parts]}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_a_chat_becomes_contents():
    found = request("google", call(model="gemini-2.5-flash"))

    assert found == Request(
        "POST",
        f"{HOST}/gemini-2.5-flash:generateContent",
        headers={
            "x-goog-api-key": KEY,
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=found.body,
        timeout_seconds=600,
        max_bytes=64 * 1024 * 1024,
    )
    assert sent() == {"contents": [turn("user", "Hello")], "generationConfig": {}}


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (call(is_stream=True), "m-1:streamGenerateContent?alt=sse"),
        (call(Operation.EMBEDDINGS, input="a"), "m-1:batchEmbedContents"),
        (call(Operation.IMAGES, prompt="a"), "m-1:generateContent"),
        (call(Operation.IMAGES, "imagen-4.0", prompt="a"), "imagen-4.0:predict"),
        (call(Operation.IMAGE_EDITS, prompt="a"), "m-1:generateContent"),
    ],
)
def test_each_operation_has_its_method(made: Any, path: str):
    assert request("google", made).url == f"{HOST}/{path}"
    assert request("google", made, access("https://llm.example.com/v1beta/")).url == (
        f"https://llm.example.com/v1beta/models/{path}"
    )


@pytest.mark.parametrize("model", ["", "../x", "a/b", "a?b", "a:b", "a" * 101])
def test_a_model_stands_in_the_path(model: str):
    assert outcome(request, "google", call(model=model)) == (AccountNeedsOwner, Need.SETUP)


def test_settings_are_named_anew():
    found = sent(
        max_completion_tokens=100,
        temperature=1.7,
        top_p=0.9,
        top_k=40,
        stop=["a", "b"],
        n=3,
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        user="u-1",
        stream=True,
    )

    assert found["generationConfig"] == {
        "maxOutputTokens": 100,
        "temperature": 1.7,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["a", "b"],
        "candidateCount": 3,
        "seed": 7,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reasoning_effort": "none"}, {"thinkingBudget": 0, "includeThoughts": False}),
        ({"reasoning_effort": "low"}, {"thinkingBudget": 1024, "includeThoughts": True}),
        ({"reasoning_effort": "medium"}, {"thinkingBudget": 4096, "includeThoughts": True}),
        ({"reasoning_effort": "high"}, {"thinkingBudget": 16384, "includeThoughts": True}),
        (
            {"reasoning_effort": "high", "max_tokens": 2000},
            {"thinkingBudget": 1500, "includeThoughts": True},
        ),
        ({"reasoning_effort": "high", "max_tokens": 1000}, None),
        ({"reasoning_effort": "unheard"}, None),
        ({}, None),
    ],
)
def test_effort_is_a_budget_of_thought(body: Any, expected: Any):
    assert sent(**body)["generationConfig"].get("thinkingConfig") == expected


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ({"type": "text"}, {}),
        ({"type": "json_object"}, {"responseMimeType": "application/json"}),
        (
            BY_SCHEMA,
            {
                "responseMimeType": "application/json",
                "responseSchema": {
                    "type": "OBJECT",
                    "properties": {"answer": {"type": "INTEGER"}},
                    "required": ANSWER_SCHEMA["required"],
                },
            },
        ),
    ],
)
def test_format_of_the_answer(format: Any, expected: Any):
    assert sent(response_format=format)["generationConfig"] == expected


def test_a_conversation_takes_turns():
    found = sent(
        messages=[
            {"role": "system", "content": "Be kind."},
            user("a"),
            user([{"type": "text", "text": "b"}]),
            {"role": "assistant", "content": "c"},
            {"role": "developer", "content": "Be brief."},
            user(""),
            user("d"),
        ]
    )

    assert found["systemInstruction"] == {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]}
    assert found["contents"] == [turn("user", "a", "b"), turn("model", "c"), turn("user", "d")]


def test_instructions_alone_are_a_question():
    found = sent(messages=[{"role": "system", "content": "Tell a joke."}])

    assert found == {"contents": [turn("user", "Tell a joke.")], "generationConfig": {}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": PICTURE}},
            {"inlineData": {"mimeType": "image/png", "data": PNG}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/1.png?x=.gif"}},
            {"fileData": {"mimeType": "image/png", "fileUri": "https://a.example/1.png?x=.gif"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/1"}},
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/1"}},
        ),
        (
            {"type": "file", "file": {"file_data": PDF}},
            {"inlineData": {"mimeType": "application/pdf", "data": PDF}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}},
        ),
    ],
)
def test_content_of_every_kind(part: Any, expected: Any):
    assert sent(messages=[user(["x", part])])["contents"] == [turn("user", expected)]


def used(id: str, arguments: str = "{}", **more: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": id, "type": "function", "function": function, **more}


def test_calls_and_their_results():
    signed = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    messages = [
        user("Weather?"),
        {"role": "assistant", "tool_calls": [used("a", '{"city":"Rome"}', **signed), used("b")]},
        {"role": "tool", "tool_call_id": "a", "content": '{"sky":"blue"}'},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "Rain"}]},
        {"role": "function", "name": "old", "content": "[1]"},
    ]

    first = {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}}
    second = {"functionCall": {"name": "get_weather", "args": {}}}
    results = [
        {"functionResponse": {"name": "get_weather", "response": {"sky": "blue"}}},
        {"functionResponse": {"name": "get_weather", "response": {"result": "Rain"}}},
        {"functionResponse": {"name": "old", "response": {"result": [1]}}},
    ]
    assert sent(messages=messages)["contents"] == [
        turn("user", "Weather?"),
        turn("model", first | {"thoughtSignature": "c2ln"}, second),
        turn("user", *results),
    ]
    newer = asked("google", call(model="gemini-3-pro", messages=messages))["contents"][1]
    assert newer["parts"][1]["thoughtSignature"] == "skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "get_weather"}},
            {"mode": "ANY", "allowedFunctionNames": ["get_weather"]},
        ),
    ],
)
def test_tools_and_their_choice(choice: Any, expected: Any):
    bare = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}

    found = sent(tools=[WEATHER, bare], tool_choice=choice)

    assert found["tools"] == [
        {"functionDeclarations": [DECLARED, {"name": "now", "description": "now"}]}
    ]
    assert found.get("toolConfig") == (expected and {"functionCallingConfig": expected})


@pytest.mark.parametrize(
    "body",
    [
        {"n": 9},
        {"logprobs": True},
        {"modalities": ["audio"]},
        {"tools": [{"type": "custom"}]},
        {"messages": [{"role": "tool", "tool_call_id": "x", "content": "a"}]},
        {"messages": [user([{"type": "unheard_of"}])]},
        {"messages": [user([{"type": "file", "file": {"file_id": "file-1"}}])]},
    ],
)
def test_what_has_no_words_is_refused(body: Any):
    assert outcome(lambda: sent(**body)) == INVALID
