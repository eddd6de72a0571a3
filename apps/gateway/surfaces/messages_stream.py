"""The events of a streamed answer of `/v1/messages`, and what its whole answers share with them."""

import json
import uuid
from types import MappingProxyType
from typing import Any

from apps.core.refusals import Refusal
from apps.gateway.surfaces import base, errors
from apps.gateway.surfaces.base import Bill, Parsed, cost_fields
from apps.gateway.surfaces.chat_blocks import DELTA, START, THINKING, TOOL, Block, Blocks, Step
from apps.providers.llm.base import Piece, Usage

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP_REASONS = MappingProxyType(
    {
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)
# What passes of a provider's own usage object: counts that ours has not.
_PASSING = ("cache_creation", "server_tool_use", "output_tokens_details")


class TranslatingEncoder:
    keep_alive = PING

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._blocks = Blocks()
        self._is_begun = False

    def piece(self, piece: Piece) -> bytes:
        if piece.data is None:
            return b""
        return self._begin(piece.usage) + self._written(self._blocks.feed(piece.data))

    def end(self, usage: Usage, bill: Bill) -> bytes:
        written = self._begin(usage) + self._written(self._blocks.finish())
        last = {
            "type": "message_delta",
            "delta": stopped(self._blocks, self._parsed),
            "usage": usage_object(usage, bill),
        }
        return written + _event(last) + _event({"type": "message_stop"})

    def failed(self, refusal: Refusal) -> bytes:
        return _event(errors.anthropic(refusal))

    def _begin(self, usage: Usage | None) -> bytes:
        if self._is_begun:
            return b""
        self._is_begun = True
        message = message_object(self._parsed, key=uuid.uuid4().hex)
        begun = {**message, "usage": _tokens(usage or Usage()) | {"output_tokens": 0}}
        return _event({"type": "message_start", "message": begun})

    def _written(self, steps: list[Step]) -> bytes:
        return b"".join(self._step(step) for step in steps)

    def _step(self, step: Step) -> bytes:
        if step.verb == START:
            fields = {"content_block": content_block(step.block, is_begun=True)}
        elif step.verb == DELTA:
            fields = {"delta": _delta(step)}
        else:
            fields = {}
        return _event({"type": f"content_block_{step.verb}", "index": step.block.index, **fields})


class NativeEncoder:
    """Anthropic's own events. `message_delta`, which has the usage, waits for the bill, and the end with it."""

    keep_alive = PING

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._last: dict[str, Any] = {}

    def piece(self, piece: Piece) -> bytes:
        data = piece.data
        if data is None:
            return b""
        match data.get("type"):
            case "message_delta":
                self._last = data
                return b""
            case "message_stop":
                return b""
            case "message_start" if isinstance(data.get("message"), dict):
                data = {**data, "message": {**data["message"], "model": self._parsed.model}}
        return _event(data)

    def end(self, usage: Usage, bill: Bill) -> bytes:
        last = {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            **self._last,
        }
        last["usage"] = usage_object(usage, bill, own=self._last.get("usage"))
        return _event(last) + _event({"type": "message_stop"})

    def failed(self, refusal: Refusal) -> bytes:
        return _event(errors.anthropic(refusal))


def message_object(parsed: Parsed, *, key: str) -> dict[str, Any]:
    """A message that says nothing yet."""
    return {
        "id": f"msg_{key}",
        "type": "message",
        "role": "assistant",
        "model": parsed.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def content_block(block: Block, *, is_begun: bool = False) -> dict[str, Any]:
    text = "" if is_begun else block.text
    if block.kind == TOOL:
        given = {} if is_begun else _arguments(text)
        return {"type": "tool_use", "id": block.call_id, "name": block.name, "input": given}
    if block.kind == THINKING:
        return {"type": "thinking", "thinking": text, "signature": ""}
    return {"type": "text", "text": text}


def stopped(blocks: Blocks, parsed: Parsed) -> dict[str, Any]:
    """Why it stopped. Some providers call a tool and say that they just stopped."""
    reason = _STOP_REASONS.get(blocks.finish_reason, "end_turn")
    if reason == "end_turn" and blocks.has_tools:
        reason = "tool_use"
    if reason == "end_turn" and blocks.stop_word in parsed.body.get("stop_sequences", ()):
        return {"stop_reason": "stop_sequence", "stop_sequence": blocks.stop_word}
    return {"stop_reason": reason, "stop_sequence": None}


def usage_object(usage: Usage, bill: Bill, *, own: Any = None) -> dict[str, Any]:
    """Anthropic's usage object: what came from the cache or went into it is not part of `input_tokens`."""
    kept = {name: own[name] for name in _PASSING if name in own} if isinstance(own, dict) else {}
    return {**_tokens(usage), **kept, **cost_fields(bill)}


def _tokens(usage: Usage) -> dict[str, Any]:
    cached = usage.cached_tokens + usage.cache_write_tokens
    return {
        "input_tokens": max(usage.input_tokens - cached, 0),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }


def _delta(step: Step) -> dict[str, Any]:
    if step.block.kind == TOOL:
        return {"type": "input_json_delta", "partial_json": step.text}
    if step.block.kind == THINKING:
        return {"type": "thinking_delta", "thinking": step.text}
    return {"type": "text_delta", "text": step.text}


def _arguments(text: str) -> dict[str, Any]:
    """What a tool is called with. A model may write what is no JSON: then the customer sees what it wrote."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        given = None
    return given if isinstance(given, dict) else {"arguments": text}


def _event(data: dict[str, Any]) -> bytes:
    return base.event(data, str(data.get("type", "")))
