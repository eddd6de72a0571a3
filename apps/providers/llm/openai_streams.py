"""Streams in OpenAI's shapes: chunks of chat and completions, events with types, and plain sound."""

from typing import Any

from apps.providers.base import Access
from apps.providers.llm import openai_answers, reading, usage
from apps.providers.llm.base import Call, Decoder, Operation, Piece, Usage
from apps.providers.llm.streams import EventDecoder

_LAST = frozenset(
    {"response.completed", "response.incomplete", "image_generation.completed", "image_edit.completed",
     "transcript.text.done", "speech.audio.done"}
)  # fmt: skip
_DRAWN = (Operation.IMAGES, Operation.IMAGE_EDITS)


def decoder(call: Call, access: Access) -> Decoder:
    if call.operation is Operation.CHAT:
        return ChatDecoder(access, choices=_wanted(call))
    if call.operation is Operation.COMPLETIONS:
        return CompletionsDecoder(access, choices=_wanted(call))
    if call.operation is Operation.SPEECH and call.body.get("stream_format") != "sse":
        return SoundDecoder(call)
    return TypedDecoder(call, access)


def _wanted(call: Call) -> int:
    """How many answers there will be at least: one, and `n` of each prompt."""
    n = call.body.get("n")
    return n if type(n) is int and n > 1 else 1


class ChatDecoder(EventDecoder):
    """One chunk an event, until `[DONE]`; servers that leave it out have at least finished every answer."""

    def __init__(self, access: Access, *, choices: int = 1) -> None:
        super().__init__(access)
        self._wanted = choices
        self._open: set[int] = set()
        self._finished: set[int] = set()

    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        text = ""
        choices = fields.get("choices") or []
        if type(choices) is not list:
            raise reading.unreadable()
        for choice in choices:
            if type(choice) is not dict:
                raise reading.unreadable()
            index = choice.get("index")
            index = index if type(index) is int else 0
            if choice.get("finish_reason"):
                self._finished.add(index)
            else:
                self._open.add(index)
            text += self._text(choice)
        used = fields.get("usage")
        pieces.append(Piece(fields, text, usage.tokens(used) if used else None))

    def _may_end(self) -> bool:
        return len(self._finished) >= self._wanted and self._open <= self._finished

    def _text(self, choice: dict[str, Any]) -> str:
        delta = choice.get("delta")
        if type(delta) is not dict:
            choice["delta"] = {}
            return ""
        content = delta.get("content")
        # Nearly every chunk is just this.
        if type(content) is str and len(delta) == 1:
            return content
        return chat_text(delta)


class CompletionsDecoder(ChatDecoder):
    def _text(self, choice: dict[str, Any]) -> str:
        return reading.text(choice.get("text"))


class TypedDecoder(EventDecoder):
    """Events that say their type: responses, pictures, transcripts and speech. One of them is the last."""

    def __init__(self, call: Call, access: Access) -> None:
        super().__init__(access)
        self._call = call
        self._done = 0
        self._wanted = _wanted(call) if call.operation in _DRAWN else 1
        self._tokens: Usage | None = None

    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        kind = name or reading.text(fields.get("type"))
        if kind == "response.failed":
            error = reading.mapping(fields.get("response")).get("error")
            raise reading.told({"error": error or "The response failed."}, self._access)
        if kind == "error":
            raise reading.told({"error": fields}, self._access)
        piece = Piece(fields, _delta(kind, fields), event=kind)
        if kind in _LAST:
            self._done += 1
            piece.usage = self._used(fields)
            self.is_complete = self._done >= self._wanted
        pieces.append(piece)

    def _may_end(self) -> bool:
        return self._done > 0

    def _used(self, fields: dict[str, Any]) -> Usage | None:
        response = fields.get("response")
        used = openai_answers.used(self._call, response if isinstance(response, dict) else fields)
        if self._call.operation in _DRAWN and used is not None:
            self._tokens = used = _sum(self._tokens, used)
        return used


class SoundDecoder:
    """Bytes that are sound. Nothing in them says where they end."""

    def __init__(self, call: Call) -> None:
        self.is_complete = False
        self._usage = Usage(characters=openai_answers.characters(call))
        self._has_begun = False

    def feed(self, data: bytes) -> list[Piece]:
        if not data:
            return []
        self._has_begun = True
        return [Piece(None, usage=self._usage, raw=data)]

    def close(self) -> list[Piece]:
        if not self._has_begun:
            raise reading.cut()
        self.is_complete = True
        return []


def chat_text(delta: dict[str, Any]) -> str:
    """All that is written in a delta, or in a whole message."""
    said = [delta.get("content"), delta.get("refusal")]
    # Some servers give the same under both names.
    said.append(delta.get("reasoning_content") or delta.get("reasoning"))
    calls = reading.objects(delta.get("tool_calls"))
    said += [reading.mapping(one.get("function")).get("arguments") for one in calls]
    said.append(reading.mapping(delta.get("function_call")).get("arguments"))
    said.append(reading.mapping(delta.get("audio")).get("transcript"))
    return "".join(map(_flat, said))


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return "".join(reading.text(one.get("text")) for one in reading.objects(value))
    return reading.text(value)


def _delta(kind: str, fields: dict[str, Any]) -> str:
    if not kind.endswith(".delta") or kind.endswith("audio.delta"):
        return ""
    return reading.text(fields.get("delta"))


def _sum(before: Usage | None, more: Usage) -> Usage:
    """Each picture of several has an event, with numbers of its own."""
    if before is None:
        return more
    return Usage(
        input_tokens=before.input_tokens + more.input_tokens,
        output_tokens=before.output_tokens + more.output_tokens,
        images=before.images + more.images,
    )
