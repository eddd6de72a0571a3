"""An attempt as it is written down: plain values, on their way from a call to its row."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from apps.llm.models import End, UsageSource
from apps.providers.llm.base import Usage

_ERROR_LENGTH = 300
_NOTHING = Usage()


@dataclass(slots=True)
class Attempt:
    """What becomes a row of `Usage`. The call fills in how it ended; nothing is changed after it was recorded."""

    call: uuid.UUID
    number: int
    workspace_id: int
    key_id: int | None
    user_id: int | None
    model: str
    operation: str
    provider: str
    request_id: str
    is_stream: bool
    is_private: bool = False
    account_id: int | None = None
    block_id: uuid.UUID | None = None
    price_version: str | None = None
    attempt: uuid.UUID = field(default_factory=uuid.uuid4)
    end: str = End.FAILED.value
    usage: Usage = _NOTHING
    usage_source: str = UsageSource.NONE.value
    points: int = 0
    written_off: int = 0
    first_ms: int | None = None
    total_ms: int = 0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """The row, named by its columns; orjson writes it."""
        usage = self.usage
        return {
            "attempt": self.attempt,
            "call": self.call,
            "number": self.number,
            "workspace_id": self.workspace_id,
            "api_key_id": self.key_id,
            "user_id": self.user_id,
            "block_id": self.block_id,
            "account_id": self.account_id,
            "price_id": self.price_version,
            "model": self.model,
            "operation": self.operation,
            "provider": self.provider,
            "service_mode": "private" if self.is_private else "public",
            "is_stream": self.is_stream,
            "end": self.end,
            "usage_source": self.usage_source,
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "units": _units(usage),
            "points": self.points,
            "written_off": self.written_off,
            "first_ms": self.first_ms,
            "total_ms": self.total_ms,
            "request_id": self.request_id,
            "error": self.error[:_ERROR_LENGTH],
        }


_RARE = (
    "cache_write_tokens", "audio_input_tokens", "audio_output_tokens", "images", "characters", "audio_ms",
)  # fmt: skip


def _units(usage: Usage) -> dict[str, int]:
    return {name: value for name in _RARE if (value := getattr(usage, name))}
