"""An answer in chat shape as a sequence of blocks: reasoning, text, refusal and calls of tools, one after the other.

The other interfaces write an answer as numbered blocks, each begun and ended; chat writes pieces of whatever comes. The
first call of a tool is passed on as it is written. What comes between its pieces waits: nothing says when a call is
complete but the end.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.gateway.surfaces.base import dumps

START, DELTA, STOP = "start", "delta", "stop"
THINKING, TEXT, REFUSAL, TOOL = "thinking", "text", "refusal", "tool"


@dataclass(slots=True)
class Block:
    kind: str
    # Its place in the answer, from when it is begun.
    index: int = -1
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Step:
    verb: str
    block: Block
    text: str = ""


class Blocks:
    """Reads the first choice of the chunks of one stream, or of one whole answer."""

    def __init__(self) -> None:
        self.written: list[Block] = []
        self.finish_reason = ""
        # The stop word that ended the answer, from providers that tell.
        self.stop_word = ""
        self._open: Block | None = None
        self._waiting: list[Block] = []
        self._tools: dict[int, Block] = {}

    def feed(self, data: dict[str, Any]) -> list[Step]:
        """The steps that a chunk, or a whole answer, brings."""
        choice = _first_choice(data)
        self.finish_reason = _text(choice.get("finish_reason")) or self.finish_reason
        self.stop_word = _text(choice.get("stop_reason")) or self.stop_word
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return []
        steps: list[Step] = []
        for kind, text in _texts(delta):
            steps += self._say(kind, text)
        calls = delta.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, dict):
                steps += self._call(position, call)
        return steps

    def finish(self) -> list[Step]:
        """The steps that are left when all has been read."""
        steps = self._close()
        for block in self._waiting:
            text = block.text
            steps += self._begin(block)
            if text:
                steps.append(Step(DELTA, block, text))
            steps += self._close()
        self._waiting = []
        return steps

    @property
    def has_tools(self) -> bool:
        return bool(self._tools)

    def _say(self, kind: str, text: str) -> list[Step]:
        if not text:
            return []
        if self._open is not None and self._open.kind == TOOL:
            if not self._waiting or self._waiting[-1].kind != kind:
                self._waiting.append(Block(kind))
            self._waiting[-1].pieces.append(text)
            return []
        steps: list[Step] = []
        if self._open is None or self._open.kind != kind:
            steps = self._begin(Block(kind))
        return [*steps, *self._write(text)]

    def _call(self, position: int, call: dict[str, Any]) -> list[Step]:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        arguments = function.get("arguments") or ""
        text = arguments if isinstance(arguments, str) else dumps(arguments).decode()
        block, steps = self._tool(position, call, function)
        if block is self._open:
            return [*steps, *self._write(text)]
        block.pieces.append(text)
        return steps

    def _tool(
        self, position: int, call: dict[str, Any], function: dict[str, Any]
    ) -> tuple[Block, list[Step]]:
        index = call.get("index")
        key = index if isinstance(index, int) else position
        call_id = _text(call.get("id"))
        block = self._tools.get(key)
        # Some providers number every call with 0.
        if block is not None and call_id in ("", block.call_id):
            return block, []
        block = Block(
            TOOL, call_id=call_id or f"call_{uuid.uuid4().hex}", name=_text(function.get("name"))
        )
        self._tools[key] = block
        if self._open is None or self._open.kind != TOOL:
            return block, self._begin(block)
        self._waiting.append(block)
        return block, []

    def _begin(self, block: Block) -> list[Step]:
        steps = self._close()
        block.index = len(self.written)
        self.written.append(block)
        self._open = block
        return [*steps, Step(START, block)]

    def _write(self, text: str) -> list[Step]:
        if self._open is None or not text:
            return []
        self._open.pieces.append(text)
        return [Step(DELTA, self._open, text)]

    def _close(self) -> list[Step]:
        closed, self._open = self._open, None
        return [] if closed is None else [Step(STOP, closed)]


def whole(data: dict[str, Any]) -> Blocks:
    """The blocks of a whole answer."""
    blocks = Blocks()
    blocks.feed(data)
    blocks.finish()
    return blocks


def _first_choice(data: dict[str, Any]) -> dict[str, Any]:
    choices = data.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and not choice.get("index"):
            return choice
    return {}


def _texts(delta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield THINKING, _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
    yield TEXT, _text(delta.get("content"))
    yield REFUSAL, _text(delta.get("refusal"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
