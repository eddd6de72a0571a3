"""Values that a provider sent, made fit to keep: no type, size or character is taken on trust.

PostgreSQL keeps no NUL and JSON knows no NaN, so one odd answer would otherwise spoil the batch it is written in.
"""

import json
import math
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

_DEEPEST = 64
_LARGEST_INTEGER = 2**63
_LONGEST_TEXT = 2000
# What a digit string may be long; more is no amount, and reading it would take time.
_LONGEST_NUMBER = 20
_LONGEST_WAIT_SECONDS = 3600


def parsed(body: bytes) -> Any:
    """JSON, also as sloppy servers write it (NaN, Infinity, half surrogates). Raises ValueError."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def kept(value: Any, *, _depth: int = 0) -> Any:
    """The value as it may be stored and sent on. Raises ValueError where it is nested absurdly deep."""
    if _depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable(str(name)): kept(part, _depth=_depth + 1) for name, part in value.items()}
    if isinstance(value, list):
        return [kept(part, _depth=_depth + 1) for part in value]
    return _number(value)


def text(value: Any, *, most: int = _LONGEST_TEXT) -> str:
    """A sentence to show; empty for what is none. Control characters but line breaks are gone."""
    if not isinstance(value, str):
        return ""
    shown = "".join(c for c in value[: 2 * most] if c.isprintable() or c in "\n\t")
    return shown.strip()[:most]


def whole(value: Any, *, most: int) -> int | None:
    """A whole number from 0 to `most`, also written as text or as 5.0; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = _read(value.strip())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= most else None


def seconds(value: str) -> float | None:
    """How long a `retry-after` header asks to wait: a number or a date, at most an hour."""
    asked = whole(value, most=10**12)
    if asked is None:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        asked = max(0, int((at - datetime.now(UTC)).total_seconds()))
    return float(min(asked, _LONGEST_WAIT_SECONDS))


def without(message: str, secrets: Collection[str]) -> str:
    """The message with each of the secrets blotted out."""
    for secret in filter(None, secrets):
        message = message.replace(secret, "[removed]")
    return message


def _read(digits: str) -> int | float | None:
    if len(digits) > _LONGEST_NUMBER:
        return None
    try:
        return float(digits) if "." in digits else int(digits)
    except ValueError:
        return None


def _storable(value: str) -> str:
    if value.isascii():
        return value.replace("\x00", "")
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _number(value: Any) -> Any:
    """None for NaN, the infinities and integers beyond 64 bits."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        return None
    return value
