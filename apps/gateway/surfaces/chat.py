"""`/v1/chat/completions`: OpenAI's chat completions, which is the common language too."""

import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from apps.core.refusals import Refusal
from apps.gateway.surfaces import base, chat_messages, checks, errors
from apps.gateway.surfaces.base import Bill, Parsed
from apps.providers.llm.base import Operation, Piece, Usage

_TOKENS = checks.integer(1, checks.MOST_TOKENS)
_PENALTY = checks.number(-2, 2)

RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        "model": checks.model,
        "messages": chat_messages.messages,
        "stream": checks.flag,
        "stream_options": checks.stream_options,
        "temperature": checks.number(0, 2),
        "top_p": checks.number(0, 1),
        "n": checks.integer(1, 128),
        "max_tokens": _TOKENS,
        "max_completion_tokens": _TOKENS,
        # OpenAI takes 4; other providers take more.
        "stop": checks.text_or_texts(16),
        "presence_penalty": _PENALTY,
        "frequency_penalty": _PENALTY,
        "seed": checks.integer(-(2**63), 2**63 - 1),
        "logprobs": checks.flag,
        "top_logprobs": checks.integer(0, 20),
        "logit_bias": checks.mapping,
        "tools": chat_messages.tools,
        "tool_choice": checks.text_or_mapping,
        "parallel_tool_calls": checks.flag,
        "functions": chat_messages.functions,
        "function_call": checks.text_or_mapping,
        "response_format": checks.typed,
        "modalities": checks.texts(8),
        "audio": checks.mapping,
        "reasoning_effort": checks.text,
        "metadata": checks.metadata,
        "user": checks.text,
        "web_search_options": checks.refuse(
            "Searching the web is not offered; use tools of your own."
        ),
    }
)


class Chat:
    operation: ClassVar[Operation] = Operation.CHAT

    def parse(self, body: Any) -> Parsed:
        fields = checks.cleaned(body, RULES)
        # Labels are for answers that are kept, and nothing is: OpenAI refuses the one without the other.
        fields.pop("metadata", None)
        return checks.parsed(fields, required=("messages",))

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def answer(
        self, body: dict[str, Any], parsed: Parsed, *, is_native: bool, usage: Usage, bill: Bill
    ) -> dict[str, Any]:
        return {
            **body,
            "id": body.get("id") or f"chatcmpl-{bill.call_id}",
            "object": "chat.completion",
            "created": body.get("created") or int(time.time()),
            "model": parsed.model,
            "usage": base.chat_usage(usage, bill),
        }

    def encoder(self, parsed: Parsed, *, is_native: bool) -> "ChunkEncoder":
        return ChunkEncoder(parsed)

    def refused(self, refusal: Refusal) -> dict[str, Any]:
        return errors.openai(refusal)


class ChunkEncoder:
    """Chunks as they come, but for their names and usage.

    Whoever asked for the usage gets it in a chunk of its own, without choices, as OpenAI sends it. Everybody else gets
    it in the last chunk with a `finish_reason`, which is held back until the bill is known: many programs look at
    `choices[0]` of every chunk.
    """

    keep_alive = base.COMMENT
    object: ClassVar[str] = "chat.completion.chunk"
    id_prefix: ClassVar[str] = "chatcmpl-"
    # A choice that says that all is well, for a provider that does not say why it stopped.
    finish: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"index": 0, "delta": {}, "finish_reason": "stop"}
    )

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._id = ""
        self._created = 0
        self._last: dict[str, Any] | None = None
        self._is_finished = False

    def choices(self, data: dict[str, Any]) -> list[Any]:
        """The choices of a chunk in the shape of this interface; a chunk without any is not sent."""
        choices = data.get("choices")
        return choices if isinstance(choices, list) else []

    def piece(self, piece: Piece) -> bytes:
        choices = self.choices(piece.data) if piece.data else []
        if piece.data is None or not choices:
            return b""
        chunk = self.named({**piece.data, "choices": choices})
        is_last = any(_is_finish(choice) for choice in choices)
        self._is_finished |= is_last
        if not is_last or self._parsed.wants_usage:
            return base.event(chunk)
        # Several choices finish one by one; only the last finish waits.
        before, self._last = self._last, chunk
        return base.event(before) if before else b""

    def end(self, usage: Usage, bill: Bill) -> bytes:
        charged = base.chat_usage(usage, bill)
        if self._last is not None:
            return base.event({**self._last, "usage": charged}) + base.DONE
        finish = self.named({"choices": [dict(self.finish)]})
        if not self._parsed.wants_usage:
            return base.event({**finish, "usage": charged}) + base.DONE
        before = b"" if self._is_finished else base.event(finish)
        last = {**self.named({"choices": []}), "usage": charged}
        return before + base.event(last) + base.DONE

    def failed(self, refusal: Refusal) -> bytes:
        return base.event(errors.openai(refusal)) + base.DONE

    def named(self, data: dict[str, Any]) -> dict[str, Any]:
        """The chunk under our names. Some providers change the id on the way, or send none at first."""
        self._id = self._id or data.get("id") or f"{self.id_prefix}{uuid.uuid4().hex}"
        self._created = self._created or data.get("created") or int(time.time())
        chunk = {
            **data,
            "id": self._id,
            "object": self.object,
            "created": self._created,
            "model": self._parsed.model,
        }
        chunk.pop("usage", None)
        if self._parsed.wants_usage:
            chunk["usage"] = None
        return chunk


def _is_finish(choice: Any) -> bool:
    return isinstance(choice, dict) and bool(choice.get("finish_reason"))


SURFACE = Chat()
