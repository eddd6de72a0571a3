"""The events of a streamed answer of `/v1/responses`."""

import uuid
from typing import Any

from apps.core.refusals import Refusal
from apps.gateway.surfaces import base, chat_blocks, responses_answer
from apps.gateway.surfaces.base import Bill, Parsed
from apps.gateway.surfaces.chat_blocks import DELTA, REFUSAL, START, TEXT, THINKING, TOOL, Step
from apps.gateway.surfaces.responses_answer import Skeleton
from apps.providers.llm.base import Piece, Usage

_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
# The names of the pieces of a block and of their end, and what holds the whole text in the latter.
_WRITTEN = {
    TEXT: ("output_text.delta", "output_text.done", "text"),
    REFUSAL: ("refusal.delta", "refusal.done", "refusal"),
    THINKING: ("reasoning_summary_text.delta", "reasoning_summary_text.done", "text"),
    TOOL: ("function_call_arguments.delta", "function_call_arguments.done", "arguments"),
}


class TranslatingEncoder:
    keep_alive = base.COMMENT

    def __init__(self, parsed: Parsed) -> None:
        self._skeleton = Skeleton(parsed, key=uuid.uuid4().hex)
        self._blocks = chat_blocks.Blocks()
        self._sequence = 0

    def piece(self, piece: Piece) -> bytes:
        if piece.data is None:
            return b""
        return self._begin() + self._written(self._blocks.feed(piece.data), "completed")

    def end(self, usage: Usage, bill: Bill) -> bytes:
        status = responses_answer.status_of(self._blocks)
        written = self._begin() + self._written(self._blocks.finish(), status)
        response = self._skeleton.ended(self._blocks, usage, bill)
        return written + self._event(f"response.{status}", response=response)

    def failed(self, refusal: Refusal) -> bytes:
        response = self._skeleton.response("failed", error=error_of(refusal))
        return self._begin() + self._event("response.failed", response=response)

    def _begin(self) -> bytes:
        if self._sequence:
            return b""
        begun = self._skeleton.response("in_progress")
        return self._event("response.created", response=begun) + self._event(
            "response.in_progress", response=begun
        )

    def _written(self, steps: list[Step], status: str) -> bytes:
        return b"".join(self._step(step, status) for step in steps)

    def _step(self, step: Step, status: str) -> bytes:
        if step.verb == START:
            return self._item("added", step, "in_progress") + self._part("added", step, "")
        delta, done, whole = _WRITTEN[step.block.kind]
        if step.verb == DELTA:
            return self._at(step, delta, delta=step.text)
        text = step.block.text
        end = self._at(step, done, **{whole: text}) + self._part("done", step, text)
        return end + self._item("done", step, status)

    def _item(self, verb: str, step: Step, status: str) -> bytes:
        return self._event(
            f"response.output_item.{verb}",
            output_index=step.block.index,
            item=self._skeleton.item(step.block, status),
        )

    def _part(self, verb: str, step: Step, text: str) -> bytes:
        if step.block.kind == TOOL:
            return b""
        holder = "reasoning_summary_part" if step.block.kind == THINKING else "content_part"
        part = responses_answer.part(step.block, text)
        return self._at(step, f"{holder}.{verb}", part=part)

    def _at(self, step: Step, name: str, **fields: Any) -> bytes:
        """An event inside an item."""
        kind = step.block.kind
        place: dict[str, Any] = {
            "item_id": self._skeleton.item_id(step.block),
            "output_index": step.block.index,
        }
        if kind != TOOL:
            place["summary_index" if kind == THINKING else "content_index"] = 0
        if name.startswith("output_text."):
            place["logprobs"] = []
        return self._event(f"response.{name}", **place, **fields)

    def _event(self, name: str, **fields: Any) -> bytes:
        data = {"type": name, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return base.event(data, name)


class NativeEncoder:
    """The provider's own events; the last, which has the usage, waits for the bill."""

    keep_alive = base.COMMENT

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._skeleton = Skeleton(parsed, key=uuid.uuid4().hex)
        self._response: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None
        self._sequence = 0

    def piece(self, piece: Piece) -> bytes:
        if piece.data is None:
            return b""
        data = piece.data
        name = piece.event or str(data.get("type", ""))
        if isinstance(data.get("response"), dict):
            self._response = {**data["response"], "model": self._parsed.model}
            data = {**data, "response": self._response}
        if name in _LAST:
            self._last = data
            return b""
        if isinstance(data.get("sequence_number"), int):
            self._sequence = data["sequence_number"] + 1
        return base.event(data, name)

    def end(self, usage: Usage, bill: Bill) -> bytes:
        last = self._last or {"type": "response.completed", "sequence_number": self._sequence}
        response = self._response or self._skeleton.response("completed")
        if self._last is None:
            response = {**response, "status": "completed"}
        charged = {**response, "usage": responses_answer.usage_object(usage, bill)}
        return base.event({**last, "response": charged}, last["type"])

    def failed(self, refusal: Refusal) -> bytes:
        response = self._response or self._skeleton.response("failed")
        data = {
            "type": "response.failed",
            "sequence_number": self._sequence,
            "response": {**response, "status": "failed", "usage": None, "error": error_of(refusal)},
        }
        return base.event(data, "response.failed")


def error_of(refusal: Refusal) -> dict[str, Any]:
    """The error of a response. Its codes are OpenAI's, a closed list; ours stands in the message and the log."""
    error = refusal.body["error"]
    codes = {402: "insufficient_quota", 429: "rate_limit_exceeded"}
    code = codes.get(refusal.status, "invalid_prompt" if refusal.status == 400 else "server_error")
    return {"code": code, "message": error["message"], "request_id": error["request_id"]}
