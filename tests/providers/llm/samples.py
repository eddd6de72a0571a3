"""Calls, and answers as the providers' documentation has them."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson

from apps.core.wire import Request
from apps.providers.base import Access, ProviderError
from apps.providers.llm.base import Call, FilePart, LlmProvider, Operation, Piece, Usage
from apps.providers.llm.registry import llm_provider
from tests.providers.wire import told

KEY = "key-live-0123456789abcdef"
ACCESS = Access("", KEY)
PNG = "iVBORw0KGgo="
PICTURE = f"data:image/png;base64,{PNG}"
PDF = "JVBERi0xLjQK"
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
BY_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "sum", "schema": ANSWER_SCHEMA, "strict": True},
}


def access(base_url: str = "", **config: Any) -> Access:
    return Access(base_url, KEY, config)


def call(
    operation: Operation = Operation.CHAT,
    model: str = "m-1",
    *,
    is_stream: bool = False,
    files: tuple[FilePart, ...] = (),
    **body: Any,
) -> Call:
    if operation in (Operation.CHAT, Operation.MESSAGES):
        body.setdefault("messages", HELLO)
    return Call(operation, model, body, is_stream=is_stream, files=files)


def asked(provider: str, made: Call, access: Access = ACCESS) -> Any:
    """The JSON that goes out."""
    return orjson.loads(request(provider, made, access).body)


def request(provider: str, made: Call, access: Access = ACCESS) -> Request:
    return llm_provider(provider).request(made, access)


def outcome(function: Any, *arguments: Any) -> Any:
    """Its result; of an error what tells it from others."""
    try:
        return function(*arguments)
    except ProviderError as error:
        return told(error)


def timeless(body: Any) -> Any:
    """Without the time, which is now."""
    assert type(body.pop("created")) is int
    return body


# --------------------------------------------------------------------------------------------- streams


def events(*data: Any, named: bool = False) -> bytes:
    """A stream of these events; `named` by their types, as some providers do."""
    return b"".join(_event(one, named=named) for one in data)


def _event(data: Any, *, named: bool) -> bytes:
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    name = f"event: {data['type']}\n".encode() if named else b""
    return name + b"data: " + body + b"\n\n"


def read(
    provider: LlmProvider, made: Call, cuts: Iterable[bytes], access: Access = ACCESS
) -> tuple[list[Piece], bool]:
    """All pieces, and whether the provider had said that this is all before the connection ended. Raises what the
    decoder raises."""
    decoder = provider.decoder(replace(made, is_stream=True), access)
    pieces = [piece for cut in cuts for piece in decoder.feed(cut)]
    was_complete = decoder.is_complete
    pieces += decoder.close()
    assert decoder.is_complete
    return pieces, was_complete


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(place % (len(stream) + 1) for place in at)})
    return [stream[a:b] for a, b in pairwise(places)]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def usage_of(pieces: list[Piece]) -> Usage | None:
    """What the provider has told in the end."""
    return next((piece.usage for piece in reversed(pieces) if piece.usage), None)
