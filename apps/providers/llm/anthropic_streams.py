"""Anthropic's streams, as they are and as chunks of a chat."""

from typing import Any

from apps.providers.base import Access
from apps.providers.llm import anthropic_answers, anthropic_requests, chat, chat_shapes, reading
from apps.providers.llm.base import Call, Piece, Usage
from apps.providers.llm.streams import EventDecoder

_TEXTS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


class MessagesDecoder(EventDecoder):
    """The events as they are."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._said: dict[str, Any] = {}
        self._has_stopped = False

    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        kind = reading.text(fields.get("type")) or name
        used = self._note(kind, fields)
        pieces.append(Piece(fields, _text(fields), used, event=kind))

    def _may_end(self) -> bool:
        return self._has_stopped

    def _note(self, kind: str, fields: dict[str, Any]) -> Usage | None:
        """What the event says of the whole: that it ends, or what was used. The numbers are those so far."""
        if kind == "message_stop":
            self.is_complete = True
        if kind == "message_delta":
            delta = reading.mapping(fields.get("delta"))
            self._has_stopped = self._has_stopped or bool(delta.get("stop_reason"))
            said = fields.get("usage")
        elif kind == "message_start":
            said = reading.mapping(fields.get("message")).get("usage")
        else:
            return None
        more = reading.mapping(said).items()
        self._said |= {name: value for name, value in more if value is not None}
        return anthropic_answers.used_by(self._said)


class ChatDecoder(MessagesDecoder):
    """The events as chunks of a chat."""

    def __init__(self, call: Call, access: Access) -> None:
        super().__init__(access)
        self._chunks = chat_shapes.Chunks(call.model, is_old=chat.is_old(call.body))
        self._is_json = anthropic_requests.is_forced_json(call.body)
        # Calls so far, whether one is being told, and whether it has arguments yet.
        self._calls = 0
        self._is_call = False
        self._has_arguments = False

    def _take(self, name: str, fields: dict[str, Any], pieces: list[Piece]) -> None:
        kind = reading.text(fields.get("type")) or name
        used = self._note(kind, fields)
        piece = self._piece(kind, fields)
        if piece is not None:
            piece.usage = used
            pieces.append(piece)

    def _piece(self, kind: str, fields: dict[str, Any]) -> Piece | None:
        match kind:
            case "content_block_delta":
                return self._delta(reading.mapping(fields.get("delta")))
            case "content_block_start":
                return self._block(reading.mapping(fields.get("content_block")))
            case "content_block_stop":
                return self._end_of_block()
            case "message_start":
                return self._start(reading.mapping(fields.get("message")))
            case "message_delta":
                return self._stop(reading.mapping(fields.get("delta")))
        return None

    def _start(self, message: dict[str, Any]) -> Piece:
        self._chunks.id = reading.text(message.get("id")) or self._chunks.id
        self._chunks.model = reading.text(message.get("model")) or self._chunks.model
        return self._chunks.piece({"content": ""})

    def _block(self, block: dict[str, Any]) -> Piece | None:
        kind = block.get("type")
        self._is_call = kind == "tool_use" and not self._is_json
        if self._is_call:
            self._calls += 1
            self._has_arguments = False
            call = chat_shapes.tool_call(block.get("id"), block.get("name"), "")
            return self._chunks.call(self._calls - 1, call)
        if kind == "text" and (text := reading.text(block.get("text"))):
            return self._chunks.content(text)
        if kind == "thinking" and (text := reading.text(block.get("thinking"))):
            return self._chunks.reasoning(text)
        return None

    def _delta(self, delta: dict[str, Any]) -> Piece | None:
        kind = delta.get("type")
        text = reading.text(delta.get(_TEXTS.get(str(kind), "")))
        if not text:
            return None
        if kind == "thinking_delta":
            return self._chunks.reasoning(text)
        if kind == "text_delta" or self._is_json:
            return self._chunks.content(text)
        if not self._is_call:
            # The provider's own tools.
            return None
        self._has_arguments = True
        return self._chunks.arguments(self._calls - 1, text)

    def _end_of_block(self) -> Piece | None:
        """A call without arguments has none to stream, but clients read them as JSON."""
        is_bare = self._is_call and not self._has_arguments
        self._is_call = False
        if not is_bare:
            return None
        return self._chunks.arguments(self._calls - 1, "{}")

    def _stop(self, delta: dict[str, Any]) -> Piece | None:
        if not delta.get("stop_reason"):
            return None
        reason = anthropic_answers.finish(delta["stop_reason"])
        if self._is_json:
            reason = anthropic_answers.json_finish(reason)
        return self._chunks.piece({}, finish=reason)


def _text(fields: dict[str, Any]) -> str:
    if fields.get("type") != "content_block_delta":
        return ""
    delta = reading.mapping(fields.get("delta"))
    return reading.text(delta.get(_TEXTS.get(str(delta.get("type")), "")))
