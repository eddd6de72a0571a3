"""Anthropic's own client in front of the gateway: models of its own provider, and of others in its words."""

import asyncio
import json
from typing import Any

import anthropic
import pytest

from tests.factories import api_key
from tests.llm.sdk.conftest import terms
from tests.llm.sdk.upstream import Handed
from tests.llm.service import MODEL, Service
from tests.providers.llm.samples import events
from tests.providers.llm.samples_anthropic import CALLED, EVENTS, THOUGHT, message

CLAUDE = "claude-sonnet-4-20250514"
# Ten tokens read at 0.1125 and three written at 0.45 US$ a million.
COST = 25
# Of the sample: 10 read at 2.25, 30 from the cache at 0.225, 5 into it at 2.8125, 20 written at 11.25.
CLAUDE_COST = 225 + 68 + 141 + 2250
PICTURE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
# Without the tool that a provider runs, which no request here can have asked for.
STREAM = events(*(one for one in EVENTS if one.get("index") != 4), named=True)
TOOL: Any = {
    "name": "get_weather",
    "description": "How it is there.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALLS = json.dumps({"words": [], "tool": {"name": "get_weather", "arguments": {"city": "Rome"}}})


def said(content: Any = "Hi") -> list[Any]:
    return [{"role": "user", "content": content}]


def ask(client: anthropic.Anthropic, **body: Any) -> Any:
    return client.messages.create(**{"model": MODEL, "max_tokens": 100, "messages": said(), **body})


def costs(told: list[Any]) -> list[int]:
    """What stands in the events beside the fields that the client knows."""
    return [one.usage.cost_points for one in told if one.type == "message_delta"]


# ------------------------------------------------------------- a model of somebody else's
def test_a_message_and_what_it_cost(reader: anthropic.Anthropic, service: Service) -> None:
    answer = ask(reader)

    assert (answer.type, answer.role, answer.model) == ("message", "assistant", MODEL)
    assert [one.text for one in answer.content] == ["Hello there."]
    assert answer.stop_reason == "end_turn"
    assert answer.usage.model_dump(exclude_none=True) == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 3,
        "cost": 0.0000025,
        "cost_points": COST,
        "usage_source": "reported",
    }
    assert service.spent() == COST


def test_a_stream_is_put_together(reader: anthropic.Anthropic) -> None:
    with reader.messages.stream(model=MODEL, max_tokens=100, messages=said()) as stream:
        told = list(stream)
        final = stream.get_final_message()

    assert [one.text for one in told if one.type == "text"] == ["Hello", " there", "."]
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 3)
    assert costs(told) == [COST]


def test_without_waiting(service: Service) -> None:
    async def ask_twice() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=service.url, **terms(service)) as client:
            whole = await client.messages.create(model=MODEL, max_tokens=50, messages=said())
            async with client.messages.stream(
                model=MODEL, max_tokens=50, messages=said()
            ) as stream:
                return [whole.content[0].text, await stream.get_final_text()]  # type: ignore[union-attr]

    assert asyncio.run(ask_twice()) == ["Hello there."] * 2


def test_a_tool_is_called_and_its_result_read(
    reader: anthropic.Anthropic, provider: Handed
) -> None:
    asked = ask(reader, messages=said(CALLS), tools=[TOOL], tool_choice={"type": "any"})

    [call] = asked.content
    assert (asked.stop_reason, call.type, call.name, call.input) == (
        "tool_use",
        "tool_use",
        "get_weather",
        {"city": "Rome"},
    )
    assert provider.asked["tool_choice"] == "required"

    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}
    told: Any = [
        *said("What is it like in Rome?"),
        {"role": "assistant", "content": [call.model_dump(exclude_none=True)]},
        *said([result]),
    ]
    answer = ask(reader, messages=told, tools=[TOOL])

    assert [one.text for one in answer.content] == ["Hello there."]
    assert provider.asked["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"},
    ]


def test_a_tool_is_called_in_a_stream(reader: anthropic.Anthropic) -> None:
    with reader.messages.stream(
        model=MODEL, max_tokens=100, messages=said(CALLS), tools=[TOOL]
    ) as stream:
        written = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()

    assert "".join(written) == '{"city": "Rome"}'
    assert [one.input for one in final.content if one.type == "tool_use"] == [{"city": "Rome"}]
    assert final.stop_reason == "tool_use"


def test_pictures_and_instructions_are_said_in_the_providers_words(
    reader: anthropic.Anthropic, provider: Handed
) -> None:
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": PICTURE}]

    ask(
        reader,
        system=[{"type": "text", "text": "Be short."}],
        messages=said(content),
        stop_sequences=["END"],
        thinking={"type": "enabled", "budget_tokens": 2000},
    )

    assert provider.asked == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "Be short."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
                    },
                ],
            },
        ],
        "max_tokens": 100,
        "stop": ["END"],
        "reasoning_effort": "low",
        "stream": False,
    }


# ---------------------------------------------------------------- a model of Anthropic's
def test_its_own_models_answer_in_its_own_words(
    reader: anthropic.Anthropic, provider: Handed, service: Service
) -> None:
    provider.hand(message(THOUGHT, "Hello 🎈", CALLED, stop="tool_use"))
    system: Any = [{"type": "text", "text": "Be short.", "cache_control": {"type": "ephemeral"}}]
    thinking = {"type": "enabled", "budget_tokens": 1024}

    answer = ask(
        reader,
        model=CLAUDE,
        max_tokens=2000,
        system=system,
        tools=[TOOL],
        thinking=thinking,
        messages=said("How is Rome today? Look it up, and tell me in a few words what you find."),
    )

    assert [one.type for one in answer.content] == ["thinking", "text", "tool_use"]
    assert answer.content[0].signature == THOUGHT["signature"]
    assert (answer.model, answer.stop_reason) == (CLAUDE, "tool_use")
    assert answer.usage.cache_read_input_tokens == 30
    assert answer.usage.cost_points == service.spent() == CLAUDE_COST
    assert provider.seen[-1].path == "/v1/messages"
    assert {name: provider.asked[name] for name in ("system", "tools", "thinking")} == {
        "system": system,
        "tools": [TOOL],
        "thinking": thinking,
    }


def test_its_own_streams_pass(
    reader: anthropic.Anthropic, provider: Handed, service: Service
) -> None:
    provider.hand(STREAM)
    long = said("How is Rome today? Look it up, and tell me in a few words what you find there.")

    with reader.messages.stream(model=CLAUDE, max_tokens=2000, messages=long) as stream:
        told = list(stream)
        final = stream.get_final_message()

    assert {"thinking", "text", "input_json", "message_stop"} <= {one.type for one in told}
    assert [one.type for one in final.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert costs(told) == [service.spent()] == [CLAUDE_COST]


# ---------------------------------------------------------------------------- the rest
def test_models_are_listed(reader: anthropic.Anthropic) -> None:
    found = {one.id: one for one in reader.models.list(limit=3)}

    assert CLAUDE in found
    assert "gpt-4o-mini" in found
    assert reader.models.retrieve(CLAUDE).display_name == found[CLAUDE].display_name


def test_errors_are_those_of_its_own_service(service: Service) -> None:
    poor = service.customer(points=1)
    limited = api_key(service.workspace, rate_limit_per_minute=1)
    too_hot = {"extra_body": {"temperature": 2}}
    cases: list[tuple[str, dict[str, Any], type[anthropic.APIStatusError], str]] = [
        ("my_live_nothing", {}, anthropic.AuthenticationError, "authentication_error"),
        (service.key, too_hot, anthropic.BadRequestError, "invalid_request_error"),
        (service.key, {"model": "x"}, anthropic.BadRequestError, "invalid_request_error"),
        (poor.key, {}, anthropic.APIStatusError, "billing_error"),
        (limited, {"model": "x"}, anthropic.BadRequestError, "invalid_request_error"),
        (limited, {}, anthropic.RateLimitError, "rate_limit_error"),
    ]
    for key, body, kind, word in cases:
        with (
            anthropic.Anthropic(base_url=service.url, **terms(service, api_key=key)) as client,
            pytest.raises(kind) as caught,
        ):
            ask(client, **body)
        body_of: Any = caught.value.body
        assert (body_of["type"], body_of["error"]["type"]) == ("error", word)
        assert body_of["request_id"] == caught.value.response.headers["x-request-id"]


def test_a_plan_without_the_model(service: Service) -> None:
    hobbyist = service.customer(plan="hobbyist")
    with (
        anthropic.Anthropic(base_url=service.url, **terms(hobbyist)) as client,
        pytest.raises(anthropic.PermissionDeniedError, match="Developer plan"),
    ):
        ask(client, model=CLAUDE)


def test_nobody_who_answers(reader: anthropic.Anthropic, service: Service) -> None:
    told = said(json.dumps({"fault": "status:500"}))
    with pytest.raises(anthropic.InternalServerError) as caught:
        ask(reader, messages=told)

    assert caught.value.status_code == 503
    assert caught.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]
    assert service.spent() == 0


def test_an_error_in_a_stream_is_raised(reader: anthropic.Anthropic) -> None:
    told = said(json.dumps({"fault": "error", "after": 1}))
    with (
        pytest.raises(anthropic.APIStatusError, match="broke the answer off"),
        reader.messages.stream(model=MODEL, max_tokens=100, messages=told) as stream,
    ):
        stream.get_final_message()


def test_a_token_in_place_of_a_key(service: Service) -> None:
    others = {"api_key": None, "auth_token": service.key}
    with anthropic.Anthropic(base_url=service.url, **terms(service, **others)) as client:
        assert ask(client).content[0].text == "Hello there."
