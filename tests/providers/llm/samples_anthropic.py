"""Anthropic's messages: parts of what is asked, and of what is answered."""

from typing import Any

from apps.providers.llm.base import Usage
from tests.providers.llm.samples import WEATHER, asked, call, events

TOOL = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": WEATHER["function"]["parameters"],  # type: ignore[index]
}


def sent(**body: Any) -> Any:
    return asked("anthropic", call(**body))


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def turn(role: str, *content: Any) -> dict[str, Any]:
    return {
        "role": role,
        "content": [text(one) if isinstance(one, str) else one for one in content],
    }


def turns(*messages: Any) -> Any:
    return sent(messages=list(messages))["messages"]


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def used(id: str, arguments: str = "{}", name: str = "get_weather") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALLED = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
COUNTED = {
    "input_tokens": 10,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 5,
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 7},
    "service_tier": "standard",
}
USED = Usage(45, 30, 5, output_tokens=20, reasoning_tokens=7)


def message(*content: Any, stop: str = "end_turn", usage: Any = COUNTED) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [{"type": "text", "text": c} if isinstance(c, str) else c for c in content],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def block(index: int, start: Any, *deltas: Any) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": one} for one in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text_delta(value: str) -> dict[str, Any]:
    return {"type": "text_delta", "text": value}


def arguments(value: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": value}


def streamed(*blocks: Any, stop: str = "end_turn") -> list[dict[str, Any]]:
    begun = {**COUNTED, "output_tokens": 1}
    del begun["output_tokens_details"]
    return [
        {"type": "message_start", "message": {**message(usage=begun), "stop_reason": None}},
        {"type": "ping"},
        *(event for one in blocks for event in one),
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {
                "output_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 7},
                "input_tokens": None,
            },
        },
        {"type": "message_stop"},
    ]


BEGUN = Usage(45, 30, 5, output_tokens=1)
EMPTY = {"type": "text", "text": ""}
STARTED = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
EVENTS = streamed(
    block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm."},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    block(1, EMPTY, text_delta("Hel"), text_delta("lo 🎈")),
    block(2, STARTED, arguments(""), arguments('{"city":'), arguments('"Rome"}')),
    block(3, {**STARTED, "id": "toolu_2"}),
    block(4, {"type": "server_tool_use", "id": "s", "name": "x"}, arguments("{}")),
    stop="tool_use",
)
STREAM = events(*EVENTS, named=True)
