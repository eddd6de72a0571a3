"""How many tokens a text is, without asking its model: a rule that a customer can check, and bounds that are certain.

The rule, which counts what a provider did not: a token is four bytes of UTF-8, rounded up. The bounds: no tokenizer in
use makes more tokens than there are bytes, nor, of what is read in a whole conversation, fewer than one for twelve.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from apps.gateway.surfaces.base import dumps
from apps.providers.llm.base import Operation

_BYTES_PER_TOKEN = 4
_MOST_BYTES_PER_TOKEN = 12
# Roles and separators around a message.
_MOST_PER_MESSAGE = 16
_LEAST_PER_MESSAGE = 3
# System, instructions and the head of the answer are framed as messages are.
_MOST_BESIDE = 3
# What providers write around the tools.
_MOST_FOR_TOOLS = 1024
# The densest speech is some 750 bytes a second, the finest ear takes 32 tokens of it.
_AUDIO_BYTES_PER_TOKEN = 16
# A file that only its address tells of: as much as any model reads.
_UNSEEN_FILE = 1_000_000

_PICTURES = frozenset({"image", "image_url", "input_image"})
_AUDIO = frozenset({"input_audio", "audio"})
_FILES = frozenset({"file", "input_file", "document", "video_url", "audio_url"})
# What a model once thought: most providers do not read it again.
_THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning"})
# What is read of a message and of its parts: text and parts, and what is written as JSON.
_READ = frozenset({"content", "text", "output", "summary", "name", "refusal"})
_READ_AS_JSON = frozenset(
    {"input", "arguments", "tool_calls", "function_call", "function", "custom", "action"}
)
# Fields of a request whose text is read beside its messages.
_TEXTS = {
    Operation.CHAT: (),
    Operation.MESSAGES: ("system",),
    Operation.RESPONSES: ("instructions", "input"),
}
_OTHER_TEXTS = ("prompt", "suffix", "input")
_SCHEMAS = ("tools", "functions", "response_format", "text", "output_config")


def count(text: str) -> int:
    """Tokens of a text by our rule; none of an empty one."""
    return -(-_size(text) // _BYTES_PER_TOKEN)


class Size(NamedTuple):
    """Input tokens of a request: the least and the most that any model can find in it, and as many as by our rule."""

    least: int
    most: int
    counted: int


def measured(operation: Operation, body: Mapping[str, Any], *, image_tokens: int) -> Size:
    """The size of a request in the shape of `operation`.

    A file given by its address makes the most a million: whoever holds money for it knows the model's window. By our
    rule, which is for a provider that reports nothing, a quarter of a file counts: it is mostly packing, and how much
    of it is read nobody knows who did not read it.
    """
    found = _found(operation, body)
    least = found.messages * _LEAST_PER_MESSAGE + found.text // _MOST_BYTES_PER_TOKEN + found.tokens
    most = (
        found.text
        + found.unread
        + found.schemas
        + (_MOST_FOR_TOOLS if found.schemas else 0)
        + (found.messages + _MOST_BESIDE) * _MOST_PER_MESSAGE
        + found.media
        + found.pictures * image_tokens
        + found.tokens
    )
    read = -(-(found.text + found.schemas) // _BYTES_PER_TOKEN)
    media = -(-found.media // _BYTES_PER_TOKEN)
    counted = read + media + found.pictures * image_tokens + found.tokens
    return Size(least, most, counted)


class _Found:
    """What a request holds, in bytes: text, tools, and what is probably not read (thoughts, labels, fields unknown).

    In tokens: media, at most, and what is given as tokens.
    """

    __slots__ = ("media", "messages", "pictures", "schemas", "text", "tokens", "unread")

    def __init__(self) -> None:
        self.text = self.unread = self.schemas = 0
        self.media = self.tokens = self.pictures = self.messages = 0

    def part(self, part: Any, waiting: list[Any]) -> None:
        """A part of a message; the parts inside it are put into `waiting`."""
        if isinstance(part, str):
            self.text += _size(part)
        elif isinstance(part, int):
            self.tokens += 1
        elif isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            self._typed(part, waiting)

    def _typed(self, part: dict[str, Any], waiting: list[Any]) -> None:
        kind = part.get("type")
        if not isinstance(kind, str):
            kind = ""
        if kind in _PICTURES:
            self.pictures += 1
        elif kind in _AUDIO:
            self.media += _audio_tokens(part)
        elif kind in _FILES:
            self._file(part, waiting)
        elif kind in _THOUGHTS:
            self.unread += len(dumps(part))
        else:
            self._fields(part, waiting)

    def _fields(self, part: dict[str, Any], waiting: list[Any]) -> None:
        for name, value in part.items():
            if name in _READ:
                waiting.append(value)
            elif name in _READ_AS_JSON:
                self.text += _json_size(value)
            elif name not in ("role", "type"):
                self.unread += _json_size(value)

    def _file(self, part: dict[str, Any], waiting: list[Any]) -> None:
        file = part.get("file") or part.get("source") or part
        if not isinstance(file, dict):
            file = part
        content = file.get("content")
        data = file.get("file_data") or file.get("data")
        if isinstance(content, (str, list)):
            waiting.append(content)
        elif isinstance(data, str):
            # Text comes as it is, everything else as Base64, of which this is at least the size.
            self.media += _size(data) if file.get("type") == "text" else _decoded(data)
        else:
            self.media += _UNSEEN_FILE
        for name in ("title", "context", "filename"):
            named = part.get(name)
            self.text += _size(named) if isinstance(named, str) else 0


def _found(operation: Operation, body: Mapping[str, Any]) -> _Found:
    found = _Found()
    texts = _TEXTS.get(operation, _OTHER_TEXTS)
    for name, value in body.items():
        if name in _SCHEMAS:
            found.schemas += len(dumps(value)) if value else 0
        elif name not in texts and name != "messages":
            found.unread += _json_size(value)
    waiting: list[Any] = []
    for message in _list(body.get("messages")):
        found.messages += 1
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str) and len(message) == 2:
            found.text += _size(content)
        else:
            waiting.append(message)
    for name in texts:
        value = body.get(name)
        found.messages += sum(isinstance(one, dict) for one in _list(value))
        waiting.append(value)
    while waiting:
        found.part(waiting.pop(), waiting)
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _size(text: str) -> int:
    # Halves of characters may come from JSON; they have a size too.
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _json_size(value: Any) -> int:
    """Bytes of a text as it is, of anything else as JSON. Numbers and marks alone are nothing to read."""
    if isinstance(value, str):
        return _size(value)
    return len(dumps(value)) if isinstance(value, (dict, list)) else 0


def _decoded(data: str) -> int:
    """Bytes of a data address or of plain Base64."""
    return (len(data) - data.find(",", 0, 256) - 1) * 3 // 4


def _audio_tokens(part: dict[str, Any]) -> int:
    audio = part.get("input_audio") or part.get("source") or part
    data = audio.get("data") if isinstance(audio, dict) else None
    return _decoded(data) // _AUDIO_BYTES_PER_TOKEN + 1 if isinstance(data, str) else _UNSEEN_FILE
