"""What the tests of all surfaces start from, and how they read a stream."""

from collections.abc import Iterable
from typing import Any

import orjson

from apps.core import refusals
from apps.gateway.surfaces.base import Bill, Encoder, Surface
from apps.providers.llm.base import Piece, Usage

USAGE = Usage(
    input_tokens=20, cached_tokens=8, cache_write_tokens=2, output_tokens=9, reasoning_tokens=4
)
BILL = Bill(points=123, usd="0.0000123", usage_source="reported", call_id="5f0c-77")
COST = {"cost": 0.0000123, "cost_points": 123, "usage_source": "reported"}
CHAT_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    **COST,
}
LIMITED = refusals.refusal(
    "rate_limited", "Too many requests.", request_id="req-1", detail={"field": "model"}
)

WEATHER = {
    "name": "weather",
    "description": "Of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk as a provider sends it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "upstream-7",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **fields,
    }


def call(index: int, arguments: str, call_id: str = "", name: str = "") -> dict[str, Any]:
    """A piece of a call of a tool; the first has its id and name."""
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    return {"index": index, "function": function, **({"id": call_id} if call_id else {})}


# Thoughts, then text, then two calls whose pieces come mixed.
STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Two "}),
    chunk({"reasoning_content": "cities."}),
    chunk({"content": "Let me "}),
    chunk({"content": "look."}),
    chunk({"tool_calls": [call(0, "", "call_a", "weather")]}),
    chunk({"tool_calls": [call(0, '{"city":')]}),
    chunk({"tool_calls": [call(1, '{"city":"Rome"', "call_b", "weather")]}),
    chunk({"tool_calls": [call(0, '"Oslo"}'), call(1, "}")]}),
    chunk({}, "tool_calls"),
    {"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 20, "cost": 9}},
]
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "upstream-7",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "reasoning_content": "Two cities.",
                "tool_calls": [
                    {
                        "id": "call_a",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                    },
                    {
                        "id": "call_b",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                    },
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 9, "cost": 9},
}


def streamed(
    surface: Surface, body: dict[str, Any], pieces: Iterable[Any], *, is_native: bool = False
) -> bytes:
    """A whole stream of the surface, as the customer gets it."""
    encoder = surface.encoder(surface.parse(body), is_native=is_native)
    return written(encoder, pieces) + encoder.end(USAGE, BILL)


def written(encoder: Encoder, pieces: Iterable[Any]) -> bytes:
    return b"".join(encoder.piece(Piece(data)) for data in pieces)


def events(stream: bytes) -> list[Any]:
    """The data of the events. A name must be that of the data."""
    found = []
    for block in stream.decode().removesuffix("\n\n").split("\n\n"):
        *names, data = block.split("\n")
        value = data.removeprefix("data: ")
        parsed = value if value == "[DONE]" else orjson.loads(value)
        assert names in ([], [f"event: {parsed['type']}" if names else ""])
        found.append(parsed)
    return found
