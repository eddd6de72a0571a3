"""What llama.cpp answers, as OpenAI's API says it."""

import json
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

from apps.localmodels.chat_bodies import MODEL
from apps.localmodels.errors import ApiError, failed
from apps.providers.local.chat.llama import CONTEXT

_OURS_ALONE = ("timings", "system_fingerprint", "__verbose")


def error_of(body: bytes) -> ApiError:
    """A refusal of llama.cpp's."""
    try:
        told = json.loads(body)["error"]
        message, code = str(told["message"]), int(told.get("code", 500))
    except (ValueError, KeyError, TypeError):
        return failed("The model gave no answer.")
    if told.get("type") == "exceed_context_size_error":
        return ApiError(
            f"This model's maximum context length is {CONTEXT} tokens, but the request has "
            f"{told.get('n_prompt_tokens')}. Shorten it.",
            param="messages",
            code="context_length_exceeded",
        )
    # What comes before is about templates, which nobody here has written.
    message = message.rpartition("parser generation failed: ")[2]
    return ApiError(message) if code == 400 else failed("The model could not answer this.")


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """An answer or a chunk without what is nobody's business, under the model's name."""
    kept = {name: value for name, value in data.items() if name not in _OURS_ALONE}
    kept["model"] = MODEL
    if usage := kept.get("usage"):
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        kept["usage"] = {name: usage[name] for name in names}
    for choice in kept.get("choices", ()):
        for token in (choice.get("logprobs") or {}).get("content") or ():
            token.pop("id", None)
            for other in token.get("top_logprobs", ()):
                other.pop("id", None)
    return kept


def as_call(text: str) -> list[dict[str, Any]] | None:
    """The text of a forced call as OpenAI's `tool_calls`; None where it was cut off."""
    try:
        call = json.loads(text)
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    except (ValueError, KeyError, TypeError):
        return None
    return [{"id": f"call_{token_hex(12)}", "type": "function", "function": function}]


def with_call(answer: dict[str, Any]) -> dict[str, Any]:
    """A whole answer whose text is a forced call."""
    for choice in answer["choices"]:
        if calls := as_call(choice["message"].get("content") or ""):
            choice["message"] |= {"content": None, "tool_calls": calls}
            choice["finish_reason"] = "tool_calls"
    return answer


async def chunks(parts: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream. Raises `ApiError` for an error among them."""
    left = b""
    async for part in parts:
        *lines, left = (left + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                yield plain(json.loads(line[6:]))
            elif line.startswith(b"error: {"):
                raise error_of(b'{"error": ' + line[7:] + b"}")


async def calls(stream: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """A stream whose text is a forced call: the text is kept until it is whole."""
    text = ""
    async for chunk in stream:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            text += delta.pop("content", None) or ""
            if choice["finish_reason"] and (found := as_call(text)):
                delta["tool_calls"] = [{"index": 0, **found[0]}]
                choice["finish_reason"] = "tool_calls"
        if not chunk["choices"] or any(c["delta"] or c["finish_reason"] for c in chunk["choices"]):
            yield chunk
