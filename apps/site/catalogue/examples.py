"""Computed examples of a price: the smallest call, the cheapest and the dearest way to change it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.catalog import pricing
from apps.catalog.llm.model import LlmModel
from apps.catalog.pricing import Quote
from apps.catalog.spec import TaskSpec
from apps.providers.llm.base import Usage
from apps.site.catalogue import levers, prices
from apps.site.catalogue.levers import Input, Variation
from apps.site.words import row


@dataclass(frozen=True)
class Example:
    """What is asked for, in words, and what it costs."""

    words: str
    quote: Quote


def of_task(spec: TaskSpec) -> list[Example]:
    """At most three that cost something else each; none where no input could be made up."""
    found = levers.variations(spec.name)
    if not found:
        return []
    quotes = [(one, task_quote(spec, one.raw)) for one in found]
    base = quotes[0]
    cheapest = min(quotes, key=lambda pair: (pair[1].points, len(pair[0].changes)))
    dearest = max(quotes, key=lambda pair: (pair[1].points, -len(pair[0].changes)))
    chosen: dict[int, Example] = {}
    for one, quote in (base, cheapest, dearest):
        chosen.setdefault(quote.points, Example(_words(one), quote))
    return list(chosen.values())


def task_quote(spec: TaskSpec, raw: Input, *, plan: str = prices.FIRST_PLAN) -> Quote:
    """What an input costs a new customer on that plan. Raises InvalidRequest."""
    return pricing.quote(spec=spec, values=spec.parse(raw), workspace_id=None, plan=plan)


def _words(one: Variation) -> str:
    if not one.changes:
        return _("As in the example request")
    return row(
        [
            _("{name}: {value}").format(name=lever.label, value=_shown(value))
            for lever, value in one.changes
        ]
    )


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


_USES = (
    (
        {"input", "output"},
        gettext_noop("1,000 tokens read, 500 written"),
        {"input_tokens": 1000, "output_tokens": 500},
    ),
    (
        {"input", "output"},
        gettext_noop("100,000 tokens read, 1,000 written"),
        {"input_tokens": 100_000, "output_tokens": 1000},
    ),
    ({"input"}, gettext_noop("1,000,000 tokens read"), {"input_tokens": 1_000_000}),
    ({"character"}, gettext_noop("A text of 1,000 characters"), {"characters": 1000}),
    ({"minute"}, gettext_noop("A recording of 10 minutes"), {"audio_ms": 600_000}),
    ({"image"}, gettext_noop("4 pictures"), {"images": 4}),
    ({"request"}, gettext_noop("An answer"), {"input_tokens": 1, "output_tokens": 1, "images": 1}),
    (
        {"request_without_image"},
        gettext_noop("An answer without a picture"),
        {"input_tokens": 1, "output_tokens": 1},
    ),
)


def of_llm(model: LlmModel) -> list[tuple[str, int]]:
    """(words, points) of some typical answers; none where the model has no price."""
    price = prices.llm_price(model)
    if price is None:
        return []
    is_by_tokens = "output" in price.rates
    return [
        (_(words), price.cost(Usage(**used)))
        for needed, words, used in _USES
        if needed <= price.rates.keys() and not (needed == {"input"} and is_by_tokens)
    ]
