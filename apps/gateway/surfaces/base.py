"""What a surface is: one of the interfaces that customers' programs speak, to and from the common language.

Pure translation, as in `apps.providers.llm.base`: nothing here reads, writes, waits or knows a price. A request is
parsed once; every attempt to have it answered starts from the same `Parsed`. Its answer comes back either in OpenAI's
chat shape or, when the provider speaks the customer's own interface (`is_native`), as the provider wrote it.
"""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Protocol

import orjson

from apps.core.refusals import Refusal
from apps.core.values import frozen
from apps.providers.llm.base import Operation, Piece, Usage

COMMENT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"


@frozen
class Parsed:
    """A request that was checked.

    `body` has the surface's own shape, cleaned: numbers are numbers, fields with null are absent, and nothing in it
    names an address or a credential. What the other fields say (`model`, `stream`, `stream_options`) is not in it. It
    is not to be changed.
    """

    model: str
    is_stream: bool
    body: dict[str, Any] = field(repr=False)
    # The customer wants a last chunk with the usage (OpenAI's `stream_options.include_usage`).
    wants_usage: bool = False


@frozen
class Bill:
    """What the customer paid: `usd` is the exact decimal, `usage_source` is reported, counted or none."""

    points: int
    usd: str
    usage_source: str
    call_id: str


class Encoder(Protocol):
    """Writes one stream to the customer. After `end` or `failed` it is not used again."""

    # To send when nothing was sent for a while.
    keep_alive: bytes

    def piece(self, piece: Piece) -> bytes:
        """What to send now; may be empty."""
        ...

    def end(self, usage: Usage, bill: Bill) -> bytes:
        """The last bytes: whatever tells that all is well, with usage and cost."""
        ...

    def failed(self, refusal: Refusal) -> bytes:
        """The last bytes of a stream that broke off, also before its first piece."""
        ...


class Surface(Protocol):
    """Stateless: one instance serves every call."""

    # The shape it speaks.
    operation: ClassVar[Operation]

    def parse(self, body: Any) -> Parsed:
        """Check a decoded request. Raises InvalidRequest that names the field, whatever the body is."""
        ...

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The same request in the common language. Raises InvalidRequest for what it has no words for."""
        ...

    def answer(
        self, body: dict[str, Any], parsed: Parsed, *, is_native: bool, usage: Usage, bill: Bill
    ) -> dict[str, Any]:
        """What the customer gets of a provider's whole answer, with usage and cost."""
        ...

    def encoder(self, parsed: Parsed, *, is_native: bool) -> Encoder: ...

    def refused(self, refusal: Refusal) -> dict[str, Any]:
        """The body of an error as this interface's clients expect it."""
        ...


def cost_fields(bill: Bill) -> dict[str, Any]:
    """What we add to every usage object. `cost` is US$ as a number, as other gateways say it."""
    return {
        "cost": float(bill.usd),
        "cost_points": bill.points,
        "usage_source": bill.usage_source,
    }


def chat_usage(usage: Usage, bill: Bill) -> dict[str, Any]:
    """OpenAI's usage object. Nothing of the provider's own passes: it might tell what we pay."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
        **cost_fields(bill),
    }


def dumps(data: Any) -> bytes:
    """JSON of anything that was JSON, also of integers and halves of characters that the fast encoder refuses."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return json.dumps(data).encode()


def event(data: Any, name: str = "") -> bytes:
    """A server-sent event."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + dumps(data) + b"\n\n"
