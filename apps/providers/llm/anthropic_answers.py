"""Anthropic's messages as chat completions, and what they say was used."""

from collections.abc import Mapping
from typing import Any

from apps.providers.llm import anthropic_requests, chat, chat_shapes, reading, usage
from apps.providers.llm.base import Answer, Call, Usage

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def as_chat(call: Call, message: dict[str, Any]) -> Answer:
    """Raises ProviderUnavailable for what is no message."""
    content = blocks(message)
    text = "".join(_texts(content, "text", "text"))
    calls = [_call(one) for one in content if one.get("type") == "tool_use"]
    finished = finish(message.get("stop_reason"))
    if anthropic_requests.is_forced_json(call.body) and calls:
        text, calls, finished = calls[0]["function"]["arguments"], [], json_finish(finished)
    made: dict[str, Any] = {"content": text or None}
    if thought := "".join(_texts(content, "thinking", "thinking")):
        made["reasoning_content"] = thought
    if calls:
        made["tool_calls"] = calls
    used = used_by(message.get("usage"))
    choice = chat_shapes.choice(0, made, finished, is_old=chat.is_old(call.body))
    whole = chat_shapes.completion(message.get("id"), message.get("model"), [choice], used)
    return Answer(whole, used)


def blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if not isinstance(content, list):
        raise reading.unreadable()
    return reading.objects(content)


def finish(reason: Any) -> str:
    return _FINISHES.get(str(reason), "stop")


def json_finish(reason: str) -> str:
    """To give the answer, our tool was called: it is no call of the customer's."""
    return "stop" if reason == "tool_calls" else reason


def used_by(found: Any) -> Usage | None:
    """What was read from or written to the cache is counted beside the rest of the input there."""
    said = reading.mapping(found)
    rest, made = usage.count(said.get("input_tokens")), usage.count(said.get("output_tokens"))
    if rest is None or made is None:
        return None
    cached = usage.part(said.get("cache_read_input_tokens"), usage.MOST)
    kept = usage.part(said.get("cache_creation_input_tokens"), usage.MOST)
    if rest + cached + kept + made == 0:
        return None
    details = reading.mapping(said.get("output_tokens_details"))
    return Usage(
        input_tokens=rest + cached + kept,
        cached_tokens=cached,
        cache_write_tokens=kept,
        output_tokens=made,
        reasoning_tokens=usage.part(details.get("thinking_tokens"), made),
    )


def _texts(content: list[dict[str, Any]], kind: str, name: str) -> list[str]:
    return [reading.text(one.get(name)) for one in content if one.get("type") == kind]


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    arguments = reading.written(reading.mapping(block.get("input"))).decode()
    return chat_shapes.tool_call(block.get("id"), block.get("name"), arguments)
