"""What an answer costs: rates in points per unit as whole numbers over one denominator, rounded up once.

Thousands of answers a second are priced here and every one of them exactly, so the fractions are brought to a common
denominator once per price and not once per answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from math import lcm
from types import MappingProxyType
from typing import Any, NamedTuple

from apps.catalog import pricing
from apps.catalog.llm.model import UNITS_PRICED, LlmKind, LlmModel
from apps.catalog.llm.rates import is_complete
from apps.core.errors import DomainError
from apps.core.money import POINTS_PER_USD, points_rounded_up
from apps.core.sentences import sentence
from apps.providers.llm.base import Usage

_MS_PER_MINUTE = 60_000
# Where a special part has no rate of its own it costs what the whole does.
_FALLBACK = MappingProxyType(
    {
        "cached_input": "input",
        "cache_write": "input",
        "audio_input": "input",
        "reasoning": "output",
        "audio_output": "output",
        "request_without_image": "request",
    }
)
# As the name of a rate in a PriceOverride: the least that an answer costs, in points.
MINIMUM = "minimum"


class NotPriced(DomainError):
    """Nobody said what it costs, so it is not callable; nothing was charged."""

    type = "no_route"


class _Numerators(NamedTuple):
    """Points per unit, times `denominator`."""

    denominator: int
    input: int
    cached_input: int
    cache_write: int
    audio_input: int
    output: int
    reasoning: int
    audio_output: int
    image: int
    character: int
    audio_ms: int
    request: int
    request_without_image: int

    def of_worst(self) -> "_Worst":
        """Where the request does not say how it will be read and written, the dearest way counts."""
        reading = max(self.input, self.cached_input, self.cache_write)
        writing = max(self.output, self.reasoning)
        return _Worst(
            reading,
            max(self.audio_input - reading, 0),
            writing,
            max(self.audio_output - writing, 0),
            max(self.request, self.request_without_image),
        )


class _Worst(NamedTuple):
    """The same for what is held. Of sound it is what it may cost beyond the rest."""

    reading: int
    audio_input: int
    writing: int
    audio_output: int
    request: int


@dataclass(frozen=True, slots=True)
class LlmPrice:
    """A price as it was at one moment. What was held by it is settled by it, whatever changes meanwhile.

    `rates` are points per one token, character, image, minute or request, `version` tells two prices apart. Of
    `needs_output` nothing written (text, pictures) costs nothing, however much was read.
    """

    version: str
    rates: Mapping[str, Decimal]
    minimum_points: int
    needs_output: bool
    _per_unit: _Numerators = field(repr=False, compare=False)
    _at_worst: _Worst = field(repr=False, compare=False)

    @classmethod
    def of(
        cls, *, rates: Mapping[str, Decimal], minimum_points: int, needs_output: bool
    ) -> "LlmPrice":
        text = _texts(rates)
        digest = sha256(f"{sorted(text.items())} {minimum_points}".encode()).hexdigest()
        per_unit = _numerators(rates)
        return cls(
            digest[:12],
            MappingProxyType(dict(rates)),
            minimum_points,
            needs_output,
            per_unit,
            per_unit.of_worst(),
        )

    def as_json(self) -> dict[str, Any]:
        """For the row of a call: what `from_json` makes the same price of."""
        return {
            "version": self.version,
            "rates": _texts(self.rates),
            "minimum_points": self.minimum_points,
            "needs_output": self.needs_output,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "LlmPrice":
        return cls.of(
            rates={name: Decimal(points) for name, points in kept["rates"].items()},
            minimum_points=kept["minimum_points"],
            needs_output=kept["needs_output"],
        )

    def cost(self, usage: Usage, *, charge_empty: bool = False) -> int:
        """Points of an answer, never less than the minimum unless it costs nothing.

        With `charge_empty` what was read is charged although nothing was written. Special parts never count for more
        than the whole: of numbers that contradict each other the customer gets the cheaper reading.
        """
        read, written, images = usage.input_tokens, usage.output_tokens, usage.images
        if self.needs_output and not charge_empty and written <= 0 and images <= 0:
            return 0
        if not _is_used(usage):
            return 0
        rate = self._per_unit
        read, written, images = max(read, 0), max(written, 0), max(images, 0)
        cached = min(max(usage.cached_tokens, 0), read)
        stored = min(max(usage.cache_write_tokens, 0), read - cached)
        heard = min(max(usage.audio_input_tokens, 0), read - cached - stored)
        spoken = min(max(usage.audio_output_tokens, 0), written)
        thought = min(max(usage.reasoning_tokens, 0), written - spoken)
        exact = (
            (read - cached - stored - heard) * rate.input
            + cached * rate.cached_input
            + stored * rate.cache_write
            + heard * rate.audio_input
            + (written - spoken - thought) * rate.output
            + thought * rate.reasoning
            + spoken * rate.audio_output
            + images * rate.image
            + max(usage.characters, 0) * rate.character
            + max(usage.audio_ms, 0) * rate.audio_ms
            + (rate.request if images else rate.request_without_image)
        )
        return max(-(-exact // rate.denominator), self.minimum_points)

    def worst(self, upper: Usage) -> int:
        """The most that an answer can cost whose numbers are each at most these: what is to be held.

        It may be read from a cache, written to one, or thought: of those `upper` need not say how much. Audio it must.
        """
        rate, worst = self._per_unit, self._at_worst
        read, written = max(upper.input_tokens, 0), max(upper.output_tokens, 0)
        exact = (
            read * worst.reading
            + min(max(upper.audio_input_tokens, 0), read) * worst.audio_input
            + written * worst.writing
            + min(max(upper.audio_output_tokens, 0), written) * worst.audio_output
            + max(upper.images, 0) * rate.image
            + max(upper.characters, 0) * rate.character
            + max(upper.audio_ms, 0) * rate.audio_ms
            + worst.request
        )
        return max(-(-exact // rate.denominator), self.minimum_points)


def price_of(model: LlmModel, *, workspace_id: int | None, plan: str) -> LlmPrice:
    """The model's price for this workspace (None: for whoever has none yet), now. Raises NotPriced.

    An operator's override of a rate or of the minimum replaces the list's, also where that has none. Every two seconds
    a call reads them from the database; all others ask nothing of it.
    """
    global _kept
    overrides = pricing.overrides()
    kept_for, prices = _kept
    if kept_for is not overrides:
        prices = {}
        _kept = (overrides, prices)
    name = (model.id, workspace_id, plan)
    price = prices.get(name)
    if price is None:
        price = prices[name] = _price(model, workspace_id, plan)
    return price


# The overrides that these prices were made from: they live as long as that reading does.
_kept: tuple[object, dict[tuple[str, int | None, str], LlmPrice]] = (None, {})


def list_price(model: LlmModel) -> LlmPrice | None:
    """Without an operator's overrides; None where the list has none."""
    if not is_complete(model.kind, model.rates):
        return None
    return LlmPrice.of(
        rates=_listed(model),
        minimum_points=points_rounded_up(model.minimum_usd * POINTS_PER_USD),
        needs_output=model.kind is LlmKind.CHAT,
    )


def _price(model: LlmModel, workspace_id: int | None, plan: str) -> LlmPrice:
    found = pricing.overridden(
        (model.id, model.kind.value), (*UNITS_PRICED, MINIMUM), workspace_id, plan
    )
    minimum = found.pop(MINIMUM, model.minimum_usd * POINTS_PER_USD)
    rates = _listed(model) | found
    if not is_complete(model.kind, rates):
        raise NotPriced(
            sentence(
                "No price is set for {model}, so it cannot be called. Nothing was charged.",
                model=model.name,
            ),
            detail={"field": "model"},
        )
    return LlmPrice.of(
        rates=rates,
        minimum_points=points_rounded_up(minimum),
        needs_output=model.kind is LlmKind.CHAT,
    )


def _listed(model: LlmModel) -> dict[str, Decimal]:
    return {name: usd * POINTS_PER_USD / UNITS_PRICED[name] for name, usd in model.rates.items()}


def _texts(rates: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: f"{points.normalize():f}" for name, points in rates.items()}


def _is_used(usage: Usage) -> bool:
    return (
        usage.input_tokens > 0
        or usage.output_tokens > 0
        or usage.images > 0
        or usage.characters > 0
        or usage.audio_ms > 0
    )


def _numerators(rates: Mapping[str, Decimal]) -> _Numerators:
    exact = {name: Fraction(points) for name, points in rates.items()}
    for special, whole in _FALLBACK.items():
        exact.setdefault(special, exact.get(whole, Fraction(0)))
    exact["audio_ms"] = exact.pop("minute", Fraction(0)) / _MS_PER_MINUTE
    denominator = lcm(*(rate.denominator for rate in exact.values()))
    wanted = (name for name in _Numerators._fields if name != "denominator")
    return _Numerators(
        denominator, *(int(exact.get(name, Fraction(0)) * denominator) for name in wanted)
    )
