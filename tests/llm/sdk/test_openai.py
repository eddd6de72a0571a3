"""OpenAI's own client in front of the gateway: conversations, whole and as they are written."""

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.llm.sdk.conftest import terms
from tests.llm.sdk.upstream import Handed
from tests.llm.service import MODEL, Service

# Ten tokens read at 0.1125 and three written at 0.45 US$ a million.
COST = 25
PICTURE = "data:image/png;base64,iVBORw0KGgo="
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CALLS = json.dumps({"words": [], "tool": {"name": "get_weather", "arguments": {"city": "Rome"}}})


def said(content: Any = "Hi") -> list[Any]:
    return [{"role": "user", "content": content}]


def completion(*choices: dict[str, Any], written: int = 3) -> dict[str, Any]:
    """What a provider answers."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": number, "finish_reason": "stop", "logprobs": None, **choice}
            for number, choice in enumerate(choices)
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": written,
            "total_tokens": 10 + written,
        },
    }


def text(content: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, "refusal": None}}


def stream_of(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events) + (
        b"data: [DONE]\n\n"
    )


# ------------------------------------------------------------------------------ chat
def test_a_whole_answer_and_what_it_cost(customer: openai.OpenAI, service: Service) -> None:
    answer = customer.chat.completions.create(model=MODEL, messages=said())

    assert answer.model == MODEL
    assert answer.choices[0].message.content == "Hello there."
    assert answer.usage is not None
    assert answer.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        "cost": 0.0000025,
        "cost_points": COST,
        "usage_source": "reported",
    }
    assert service.spent() == COST


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_stream_is_read_piece_by_piece(customer: openai.OpenAI, wants_usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}

    with customer.chat.completions.create(
        model=MODEL, messages=said(), stream=True, **options
    ) as stream:
        chunks = list(stream)

    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == (
        "Hello there."
    )
    assert [len(one.choices) for one in chunks].count(0) == (1 if wants_usage else 0)
    assert {one.id for one in chunks} == {chunks[0].id}
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.model_dump()["cost_points"] == COST


def test_the_helper_of_streams_puts_an_answer_together(customer: openai.OpenAI) -> None:
    with customer.chat.completions.stream(model=MODEL, messages=said()) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()

    assert pieces == ["", "Hello", " there", "."]
    assert final.choices[0].message.content == "Hello there."
    assert final.choices[0].finish_reason == "stop"


def test_without_waiting_many_are_asked_at_once(service: Service) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", **terms(service)) as client:

            async def whole() -> str:
                answer = await client.chat.completions.create(model=MODEL, messages=said())
                return answer.choices[0].message.content or ""

            async def piecewise() -> str:
                stream = await client.chat.completions.create(
                    model=MODEL, messages=said(), stream=True
                )
                return "".join([one.choices[0].delta.content or "" async for one in stream])

            return list(
                await asyncio.gather(*(whole() for _ in range(4)), piecewise(), piecewise())
            )

    assert asyncio.run(ask()) == ["Hello there."] * 6
    assert service.spent() == 6 * COST


# ----------------------------------------------------------------------------- tools
def test_a_tool_is_called_and_its_result_read(customer: openai.OpenAI, provider: Handed) -> None:
    asked = customer.chat.completions.create(model=MODEL, messages=said(CALLS), tools=[WEATHER])

    choice = asked.choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "get_weather",
        {"city": "Rome"},
    )

    told: list[Any] = [
        *said("What is it like in Rome?"),
        choice.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"},
    ]
    answer = customer.chat.completions.create(
        model=MODEL, messages=told, tools=[WEATHER], tool_choice="auto", parallel_tool_calls=False
    )

    assert answer.choices[0].message.content == "Hello there."
    assert provider.asked["messages"] == told
    assert provider.asked["tools"] == [WEATHER]
    assert (provider.asked["tool_choice"], provider.asked["parallel_tool_calls"]) == ("auto", False)


def test_a_tool_is_called_in_a_stream(customer: openai.OpenAI) -> None:
    with customer.chat.completions.stream(
        model=MODEL, messages=said(CALLS), tools=[WEATHER]
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        final = stream.get_final_completion()

    assert [(one.name, one.parsed_arguments) for one in done] == [("get_weather", {"city": "Rome"})]
    assert final.choices[0].finish_reason == "tool_calls"


def test_functions_of_the_old_kind(customer: openai.OpenAI, provider: Handed) -> None:
    called = {"name": "get_weather", "arguments": '{"city":"Rome"}'}
    message = {"role": "assistant", "content": None, "refusal": None, "function_call": called}
    provider.hand(completion({"message": message, "finish_reason": "function_call"}))
    functions: Any = [WEATHER["function"]]

    answer = customer.chat.completions.create(
        model=MODEL,
        messages=said(),
        functions=functions,
        function_call={"name": "get_weather"},
    )

    found = answer.choices[0].message.function_call
    assert found is not None
    assert found.model_dump() == called
    assert provider.asked["functions"] == functions
    assert provider.asked["function_call"] == {"name": "get_weather"}


# ------------------------------------------------------------------------ what passes
def test_pictures_pass(customer: openai.OpenAI, provider: Handed) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
    ]

    customer.chat.completions.create(model=MODEL, messages=said(parts))

    assert provider.asked["messages"] == said(parts)


def test_several_choices(customer: openai.OpenAI, provider: Handed) -> None:
    provider.hand(completion(text("One"), text("Two"), written=2))

    answer = customer.chat.completions.create(model=MODEL, messages=said(), n=2)

    assert [one.message.content for one in answer.choices] == ["One", "Two"]
    assert provider.asked["n"] == 2


def test_several_choices_in_a_stream(customer: openai.OpenAI, provider: Handed) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    told = [
        {**head, "choices": [{"index": at, "delta": {"content": word}, "finish_reason": None}]}
        for at, word in ((0, "One"), (1, "Two"))
    ] + [
        {**head, "choices": [{"index": at, "delta": {}, "finish_reason": "stop"}]} for at in (0, 1)
    ]
    provider.hand(stream_of(*told))

    with customer.chat.completions.stream(model=MODEL, messages=said(), n=2) as stream:
        final = stream.get_final_completion()

    assert [one.message.content for one in final.choices] == ["One", "Two"]


def test_log_probabilities_pass(customer: openai.OpenAI, provider: Handed) -> None:
    token = {"token": "Yes", "logprob": -0.1, "bytes": [89], "top_logprobs": []}
    provider.hand(completion({**text("Yes"), "logprobs": {"content": [token], "refusal": None}}))

    answer = customer.chat.completions.create(
        model=MODEL, messages=said(), logprobs=True, top_logprobs=2
    )

    found = answer.choices[0].logprobs
    assert found is not None
    assert found.model_dump() == {"content": [token], "refusal": None}
    assert (provider.asked["logprobs"], provider.asked["top_logprobs"]) == (True, 2)


class City(BaseModel):
    name: str
    people: int


def test_an_answer_in_a_shape_of_ones_own(customer: openai.OpenAI, provider: Handed) -> None:
    provider.hand(completion(text('{"name":"Rome","people":2800000}')))

    answer = customer.chat.completions.parse(model=MODEL, messages=said(), response_format=City)

    assert answer.choices[0].message.parsed == City(name="Rome", people=2_800_000)
    assert provider.asked["response_format"]["json_schema"]["schema"]["required"] == [
        "name",
        "people",
    ]


def test_settings_pass(customer: openai.OpenAI, provider: Handed) -> None:
    settings: Any = {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": -0.1,
        "logit_bias": {"50256": -100},
        "max_completion_tokens": 50,
        "user": "u1",
    }

    customer.chat.completions.create(model=MODEL, messages=said(), **settings)

    assert {name: provider.asked[name] for name in settings} == settings


# ------------------------------------------------------------------ its other interfaces
def test_a_text_is_continued(customer: openai.OpenAI, provider: Handed) -> None:
    choice = {"index": 0, "text": " upon a time", "logprobs": None, "finish_reason": "stop"}
    provider.hand({**completion(), "object": "text_completion", "choices": [choice]})
    provider.hand(
        stream_of({**completion(), "object": "text_completion", "choices": [choice], "usage": None})
    )

    whole = customer.completions.create(model=MODEL, prompt="Once", max_tokens=5)
    with customer.completions.create(model=MODEL, prompt="Once", stream=True) as stream:
        pieces = "".join(one.choices[0].text for one in stream)

    assert (whole.choices[0].text, pieces) == (" upon a time", " upon a time")
    assert whole.object == "text_completion"
    assert provider.seen[-1].path == "/v1/completions"


def test_a_response(customer: openai.OpenAI, service: Service) -> None:
    answer = customer.responses.create(model=MODEL, input="Hi", instructions="Be short.")

    assert answer.output_text == "Hello there."
    assert (answer.status, answer.model, answer.store) == ("completed", MODEL, False)  # type: ignore[attr-defined]
    assert answer.usage is not None
    assert answer.usage.model_dump()["cost_points"] == COST
    assert service.spent() == COST


def test_a_streamed_response(customer: openai.OpenAI) -> None:
    with customer.responses.stream(model=MODEL, input="Hi") as stream:
        pieces = [one.delta for one in stream if one.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert pieces == ["Hello", " there", "."]
    assert final.output_text == "Hello there."


def test_a_response_that_calls_a_tool(customer: openai.OpenAI, provider: Handed) -> None:
    tool: Any = {"type": "function", **WEATHER["function"]}

    answer = customer.responses.create(model=MODEL, input=CALLS, tools=[tool])

    [call] = answer.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Rome"})

    items: Any = [
        {"role": "user", "content": "What is it like in Rome?"},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"},
    ]
    told = customer.responses.create(model=MODEL, input=items, tools=[tool])

    assert told.output_text == "Hello there."
    assert [one["role"] for one in provider.asked["messages"]] == ["user", "assistant", "tool"]


def test_a_response_in_a_shape_of_ones_own(customer: openai.OpenAI, provider: Handed) -> None:
    provider.hand(completion(text('{"name":"Rome","people":2800000}')))

    answer = customer.responses.parse(model=MODEL, input="Hi", text_format=City)

    assert answer.output_parsed == City(name="Rome", people=2_800_000)
