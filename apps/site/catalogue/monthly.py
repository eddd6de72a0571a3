"""What a month of calls costs on each plan, and which of the plans fits."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.accounts.policies import plan_includes
from apps.catalog.llm.model import LlmModel
from apps.catalog.pricing import Quote
from apps.catalog.spec import TaskSpec
from apps.providers.llm.base import Usage
from apps.site.catalogue import prices
from apps.site.catalogue.examples import task_quote
from apps.site.catalogue.levers import Input
from apps.site.catalogue.plans import PlanCard, plans_now

_MS_PER_MINUTE = 60_000


@dataclass(frozen=True)
class Option:
    """A plan with its month. `problem` says what does not fit, `quote` is one call's sum where there is one."""

    card: PlanCard
    each: int
    work: int
    quote: Quote | None
    problem: str

    @property
    def included(self) -> int:
        """What of the work the plan's own credits pay."""
        return min(self.work, self.card.terms.monthly_credit_points)

    @property
    def total(self) -> int:
        return self.card.terms.price_points + self.work - self.included


@dataclass(frozen=True)
class Month:
    """All plans; `best` is the cheapest that fits."""

    options: list[Option]

    @property
    def best(self) -> Option | None:
        fitting = [one for one in self.options if not one.problem]
        return min(fitting, key=lambda one: one.total, default=None)


def of_task(*, spec: TaskSpec, raw: Input, count: int, at_once: int) -> Month:
    """`count` tasks with this input. Raises InvalidRequest where the spec does not take it."""

    def price(card: PlanCard) -> tuple[int, Quote | None]:
        quote = task_quote(spec, raw, plan=card.plan)
        return quote.points, quote

    def problem(card: PlanCard) -> str:
        if not plan_includes(card.plan, spec.plan):
            return _("{model} begins with the {plan} plan.").format(
                model=_(spec.title), plan=spec.plan.label
            )
        most = card.terms.concurrent_tasks
        if at_once > most:
            return _("{most} run at once; the rest of your {all} wait in line.").format(
                most=most, all=f"{at_once:,}"
            )
        return ""

    return _month(price, problem, count)


def of_llm(*, model: LlmModel, usage: Usage, count: int) -> Month | None:
    """`count` answers that use so much; None where the model has no price."""
    if prices.llm_price(model) is None:
        return None

    def price(card: PlanCard) -> tuple[int, Quote | None]:
        found = prices.llm_price(model, plan=card.plan)
        return (found.cost(usage) if found else 0), None

    def problem(card: PlanCard) -> str:
        if model.feature is None or card.terms.includes(model.feature):
            return ""
        return _("The {plan} plan does not include {model}.").format(
            plan=card.name, model=model.title
        )

    return _month(price, problem, count)


def _month(
    price: Callable[[PlanCard], tuple[int, Quote | None]],
    problem: Callable[[PlanCard], str],
    count: int,
) -> Month:
    options = []
    for card in plans_now():
        each, quote = price(card)
        options.append(Option(card, each, each * count, quote, problem(card)))
    return Month(options)


def usage_of(given: dict[str, int]) -> Usage:
    """Numbers of the form as usage; an answer that is paid as a whole counts as one."""
    return Usage(
        input_tokens=given.get("input_tokens", 1),
        cached_tokens=given.get("cached_tokens", 0),
        output_tokens=given.get("output_tokens", 1),
        images=given.get("images", 0),
        characters=given.get("characters", 0),
        audio_ms=given.get("minutes", 0) * _MS_PER_MINUTE,
    )
