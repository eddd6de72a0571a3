"""The objects of `/v1/responses`: a response, its items and its usage."""

import time
from typing import Any

from apps.gateway.surfaces import chat_blocks
from apps.gateway.surfaces.base import Bill, Parsed, cost_fields
from apps.gateway.surfaces.chat_blocks import Block, Blocks
from apps.providers.llm.base import Usage

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# What a response repeats of its request, with what stands there when the request did not say.
_REPEATED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


class Skeleton:
    """One response while it comes about."""

    def __init__(self, parsed: Parsed, *, key: str) -> None:
        self._parsed = parsed
        self._key = key
        self._created_at = int(time.time())

    def response(self, status: str, **fields: Any) -> dict[str, Any]:
        body = self._parsed.body
        reasoning, settings = body.get("reasoning", {}), body.get("text", {})
        return {
            "id": f"resp_{self._key}",
            "object": "response",
            "created_at": self._created_at,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self._parsed.model,
            "output": [],
            "previous_response_id": None,
            "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
            "store": False,
            "text": {**settings, "format": settings.get("format") or {"type": "text"}},
            "usage": None,
            **{name: body.get(name, other) for name, other in _REPEATED.items()},
            **fields,
        }

    def ended(self, blocks: Blocks, usage: Usage, bill: Bill) -> dict[str, Any]:
        status = status_of(blocks)
        reason = _INCOMPLETE.get(blocks.finish_reason)
        last = len(blocks.written) - 1
        output = [
            self.item(block, status if block.index == last else "completed")
            for block in blocks.written
        ]
        return self.response(
            status,
            incomplete_details={"reason": reason} if reason else None,
            completed_at=None if reason else int(time.time()),
            output=output,
            usage=usage_object(usage, bill),
        )

    def item_id(self, block: Block) -> str:
        prefix = {chat_blocks.THINKING: "rs", chat_blocks.TOOL: "fc"}.get(block.kind, "msg")
        return f"{prefix}_{self._key}{block.index:02x}"

    def item(self, block: Block, status: str) -> dict[str, Any]:
        """A block as an item of the output: empty while it is `in_progress`."""
        is_begun = status == "in_progress"
        item: dict[str, Any] = {"id": self.item_id(block)}
        if block.kind == chat_blocks.TOOL:
            return item | {
                "type": "function_call",
                "status": status,
                "arguments": "" if is_begun else block.text,
                "call_id": block.call_id,
                "name": block.name,
            }
        parts = [] if is_begun else [part(block, block.text)]
        if block.kind == chat_blocks.THINKING:
            return item | {"type": "reasoning", "summary": parts}
        return item | {
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": parts,
        }


def part(block: Block, text: str) -> dict[str, Any]:
    """What a block that is no call holds."""
    if block.kind == chat_blocks.THINKING:
        return {"type": "summary_text", "text": text}
    if block.kind == chat_blocks.REFUSAL:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def status_of(blocks: Blocks) -> str:
    return "incomplete" if blocks.finish_reason in _INCOMPLETE else "completed"


def usage_object(usage: Usage, bill: Bill) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
        **cost_fields(bill),
    }


def annotate(output: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    """Put the citations of a chat answer where this interface has them: at its last text."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    found = message.get("annotations") if isinstance(message, dict) else None
    cited = (
        [_citation(one) for one in found if isinstance(one, dict)]
        if isinstance(found, list)
        else []
    )
    texts = [item["content"][0] for item in output if item["type"] == "message"]
    if cited and texts and texts[-1]["type"] == "output_text":
        texts[-1]["annotations"] = cited


def _citation(annotation: dict[str, Any]) -> dict[str, Any]:
    cited = annotation.get("url_citation")
    return {"type": "url_citation", **cited} if isinstance(cited, dict) else annotation
