"""What a unit costs somebody who signs up today, and what another plan pays where an operator has set that."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from apps.accounts.models import Plan
from apps.accounts.policies import PLAN_TERMS
from apps.catalog import pricing
from apps.catalog.llm.model import UNITS_PRICED, LlmModel
from apps.catalog.llm.pricing import LlmPrice, NotPriced, price_of
from apps.catalog.spec import TaskSpec
from apps.catalog.units import unit_words
from apps.core.money import format_rate, format_usd

# Whoever signs up is on it.
FIRST_PLAN = str(Plan.HOBBYIST)
_COUNTED = re.compile(r"([0-9]+) (.+)")
_LLM_UNITS = {
    "input": "1M tokens read",
    "cached_input": "1M tokens read from a cache",
    "cache_write": "1M tokens written to a cache",
    "output": "1M tokens written",
    "reasoning": "1M tokens of reasoning",
    "audio_input": "1M tokens of sound heard",
    "audio_output": "1M tokens of sound spoken",
    "character": "1M characters",
    "image": "image",
    "minute": "minute",
    "request": "answer",
    "request_without_image": "answer without a picture",
}


@dataclass(frozen=True)
class Rate:
    """Points for one `unit`, in English; `others` are the plans that pay something else for it."""

    name: str
    unit: str
    points: Decimal
    others: tuple[tuple[str, Decimal], ...] = ()

    @property
    def words(self) -> str:
        """The rate as people read it; nothing where the unit says it all."""
        is_plain = self.name in ("task", self.unit) or _LLM_UNITS.get(self.name) == self.unit
        return "" if is_plain else self.name.replace("_", " ")

    @property
    def label(self) -> str:
        """ "classic std, per 5 s"."""
        unit = unit_words(self.unit)
        if not self.words:
            return _("per {unit}").format(unit=unit)
        return _("{rate}, per {unit}").format(rate=self.words, unit=unit)

    @property
    def text(self) -> str:
        return f"{self.usd} / {unit_words(self.unit)}" if self.points else self.usd

    @property
    def usd(self) -> str:
        return format_rate(self.points) if self.points else _("free")

    @property
    def per_one(self) -> Decimal:
        """To compare units that count by themselves, such as 5 s."""
        counted = _COUNTED.fullmatch(self.unit)
        return self.points / int(counted.group(1)) if counted else self.points


@dataclass(frozen=True)
class Tag:
    """A price in a few words, and a number to sort by."""

    text: str
    number: Decimal


def task_rates(spec: TaskSpec) -> tuple[Rate, ...]:
    """Every rate of a task type."""
    base = pricing.rates_for(spec=spec, plan=FIRST_PLAN)
    others = {
        Plan(plan).label: pricing.rates_for(spec=spec, plan=plan)
        for plan in PLAN_TERMS
        if plan != FIRST_PLAN and spec.name in pricing.overrides()
    }
    return tuple(
        Rate(rate.name, rate.unit, base[rate.name], _different(rate.name, base, others))
        for rate in spec.rates
    )


def _different(
    name: str, base: dict[str, Decimal], others: dict[str, dict[str, Decimal]]
) -> tuple[tuple[str, Decimal], ...]:
    return tuple(
        (str(plan), points[name]) for plan, points in others.items() if points[name] != base[name]
    )


def task_tag(rates: Iterable[Rate]) -> Tag:
    """The lowest rate: "from" where there are several."""
    found = list(rates)
    lowest = min(found, key=lambda rate: rate.per_one)
    is_one = len({rate.per_one for rate in found}) == 1
    return Tag(lowest.text if is_one else _from(lowest), lowest.per_one)


def _from(lowest: Rate) -> str:
    return _("from {price}").format(price=lowest.text)


def llm_price(model: LlmModel, *, plan: str = FIRST_PLAN) -> LlmPrice | None:
    """None where nobody said what it costs: then it cannot be called."""
    try:
        return price_of(model, workspace_id=None, plan=plan)
    except NotPriced:
        return None


def llm_rates(model: LlmModel) -> tuple[Rate, ...]:
    """Every rate of a model; none where it has no price."""
    base = llm_price(model)
    if base is None:
        return ()
    others = {
        str(Plan(plan).label): price
        for plan in PLAN_TERMS
        if plan != FIRST_PLAN and (price := llm_price(model, plan=plan)) is not None
    }
    return tuple(
        Rate(
            name,
            _LLM_UNITS[name],
            points * UNITS_PRICED[name],
            tuple(
                (plan, other.rates[name] * UNITS_PRICED[name])
                for plan, other in others.items()
                if other.rates.get(name, points) != points
            ),
        )
        for name, points in base.rates.items()
    )


def minimum_words(model: LlmModel) -> str:
    """The least an answer costs, where there is such a thing."""
    price = llm_price(model)
    return format_usd(price.minimum_points) if price and price.minimum_points else ""


def llm_tag(rates: Iterable[Rate]) -> Tag | None:
    """What is asked for first: tokens in and out, or the one thing that is counted."""
    by_name = {rate.name: rate for rate in rates}
    if not by_name:
        return None
    if {"input", "output"} <= by_name.keys():
        read, written = by_name["input"], by_name["output"]
        words = _("{read} in, {written} out / 1M tokens")
        return Tag(words.format(read=read.usd, written=written.usd), read.points)
    lowest = min(by_name.values(), key=lambda rate: rate.points)
    return Tag(lowest.text if len(by_name) == 1 else _from(lowest), lowest.points)
