"""Why a call cost what it did: the parts that its price counts, each with its rate, and their exact sum."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from django.utils.translation import gettext_noop

from apps.llm.models import Usage

_MS_PER_MINUTE = 60_000
# A part without a rate of its own is charged as the whole it belongs to, as in catalog.llm.pricing.
_FALLBACK = {
    "cached_input": "input",
    "cache_write": "input",
    "audio_input": "input",
    "reasoning": "output",
    "audio_output": "output",
    "request_without_image": "request",
}
_WORDS = {
    "input": gettext_noop("input tokens"),
    "cached_input": gettext_noop("input tokens from the cache"),
    "cache_write": gettext_noop("input tokens written to the cache"),
    "audio_input": gettext_noop("input tokens of audio"),
    "output": gettext_noop("output tokens"),
    "reasoning": gettext_noop("output tokens of reasoning"),
    "audio_output": gettext_noop("output tokens of audio"),
    "image": gettext_noop("images"),
    "character": gettext_noop("characters"),
    "minute": gettext_noop("minutes of audio"),
    "request": gettext_noop("request"),
    "request_without_image": gettext_noop("request"),
}


@dataclass(frozen=True)
class Part:
    """`points` = `quantity` × `rate`, all exact; `rate` is points of one."""

    word: str
    quantity: Fraction
    rate: Fraction

    @property
    def points(self) -> Fraction:
        return self.quantity * self.rate


@dataclass(frozen=True)
class Breakdown:
    """The parts, and how their sum became the cost: rounded up once, to no less than the minimum."""

    parts: list[Part]
    minimum_points: int

    @property
    def exact(self) -> Fraction:
        return sum((part.points for part in self.parts), Fraction(0))

    @property
    def is_minimum(self) -> bool:
        return self.total > ceil(self.exact)

    @property
    def total(self) -> int:
        """Whole points: what was charged and what was written off together."""
        return max(ceil(self.exact), self.minimum_points)


def breakdown(attempt: Usage) -> Breakdown | None:
    """Of an attempt that cost something and whose price is known; `price` is read with it."""
    if attempt.price is None or not attempt.points + attempt.written_off:
        return None
    rates = {name: Fraction(points) for name, points in attempt.price.rates.items()}
    counted = ((name, count) for name, count in _counts(attempt).items() if count)
    parts = [
        Part(_WORDS[name], count, rate) for name, count in counted if (rate := _rate(rates, name))
    ]
    return Breakdown(parts, attempt.price.minimum_points)


def _rate(rates: Mapping[str, Fraction], name: str) -> Fraction | None:
    found = rates.get(name)
    return rates.get(_FALLBACK.get(name, "")) if found is None else found


def _counts(attempt: Usage) -> dict[str, Fraction]:
    """Special parts never count for more than the whole."""
    units = attempt.units
    read, written = attempt.input_tokens, attempt.output_tokens
    cached = min(attempt.cached_tokens, read)
    stored = min(units.get("cache_write_tokens", 0), read - cached)
    heard = min(units.get("audio_input_tokens", 0), read - cached - stored)
    spoken = min(units.get("audio_output_tokens", 0), written)
    thought = min(attempt.reasoning_tokens, written - spoken)
    images = units.get("images", 0)
    whole = {
        "input": read - cached - stored - heard,
        "cached_input": cached,
        "cache_write": stored,
        "audio_input": heard,
        "output": written - spoken - thought,
        "reasoning": thought,
        "audio_output": spoken,
        "image": images,
        "character": units.get("characters", 0),
        "request" if images else "request_without_image": 1,
    }
    counts = {name: Fraction(count) for name, count in whole.items()}
    return counts | {"minute": Fraction(units.get("audio_ms", 0), _MS_PER_MINUTE)}
