"""Chat completions and their chunks, for providers whose answers had to be translated."""

import time
from secrets import token_hex
from typing import Any

from apps.providers.llm import reading, usage
from apps.providers.llm.base import Piece, Usage


def completion(
    id: Any, model: Any, choices: list[dict[str, Any]], used: Usage | None
) -> dict[str, Any]:
    whole = {
        "id": reading.text(id) or new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reading.text(model),
        "choices": choices,
    }
    return whole | {"usage": usage.as_chat(used)} if used else whole


def choice(
    index: int, message: dict[str, Any], finish_reason: str, *, is_old: bool = False
) -> dict[str, Any]:
    """`is_old`: the request knows functions only, of which one is called at a time."""
    if is_old and (calls := message.pop("tool_calls", None)):
        message["function_call"] = calls[0]["function"]
        finish_reason = "function_call" if finish_reason == "tool_calls" else finish_reason
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": finish_reason,
    }


def tool_call(id: Any, name: Any, arguments: str) -> dict[str, Any]:
    function = {"name": reading.text(name), "arguments": arguments}
    return {
        "id": reading.text(id) or f"call_{token_hex(12)}",
        "type": "function",
        "function": function,
    }


def new_id() -> str:
    return f"chatcmpl-{token_hex(12)}"


class Chunks:
    """Makes the chunks of one stream, which share id, model and time."""

    def __init__(self, model: str, *, is_old: bool = False) -> None:
        self.id = new_id()
        self.model = model
        self._created = int(time.time())
        self._is_old = is_old
        self._begun: set[int] = set()

    def piece(
        self, delta: dict[str, Any], *, text: str = "", index: int = 0, finish: str | None = None
    ) -> Piece:
        """The first of each choice names the role."""
        if index not in self._begun:
            self._begun.add(index)
            delta = {"role": "assistant", **delta}
        if self._is_old:
            finish = "function_call" if finish == "tool_calls" else finish
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Piece(self._chunk([choice]), text)

    def bare(self) -> Piece:
        """A chunk that says nothing, for what is told of the whole."""
        return Piece(self._chunk([]))

    def content(self, text: str, *, index: int = 0) -> Piece:
        return self.piece({"content": text}, text=text, index=index)

    def reasoning(self, text: str, *, index: int = 0) -> Piece:
        return self.piece({"reasoning_content": text}, text=text, index=index)

    def call(self, number: int, call: dict[str, Any], *, index: int = 0) -> Piece:
        """A call begins, or is whole."""
        text = call["function"]["arguments"]
        delta = (
            {"function_call": call["function"]}
            if self._is_old
            else {"tool_calls": [{"index": number, **call}]}
        )
        return self.piece(delta, text=text, index=index)

    def arguments(self, number: int, text: str, *, index: int = 0) -> Piece:
        function = {"arguments": text}
        delta: dict[str, Any] = (
            {"function_call": function}
            if self._is_old
            else {"tool_calls": [{"index": number, "function": function}]}
        )
        return self.piece(delta, text=text, index=index)

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.model,
            "choices": choices,
        }
