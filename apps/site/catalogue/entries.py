"""Every model of the platform as one list: task types and models of the LLM lane."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.policies import Feature
from apps.byoa import selectors as byoa
from apps.catalog import registry
from apps.catalog.llm.model import PROVIDERS, LlmModel
from apps.catalog.llm.registry import llm_models
from apps.catalog.spec import TaskSpec
from apps.llm.services.admission import sandbox_route
from apps.site.catalogue import kinds, prices
from apps.site.catalogue.kinds import Kind
from apps.site.catalogue.llm_words import ending, summary
from apps.site.catalogue.plans import plans_now
from apps.site.catalogue.prices import Rate, Tag

_LOCAL = "local"
_REMOTE = tuple(name for name in PROVIDERS if name != _LOCAL)


class State(StrEnum):
    """Whether it can be called now."""

    AVAILABLE = "available"
    STAND_IN = "stand-in"  # nobody has an account for it; this installation's own engine shows how it is used
    OFF = "unavailable"
    UNPRICED = "not priced"


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue. `thing` is what it is about, `needs` the plan or feature that it takes."""

    thing: TaskSpec | LlmModel
    name: str
    url: str
    title: str
    summary: str
    kind: Kind
    state: State
    rates: tuple[Rate, ...]
    tag: Tag | None
    note: str = ""
    needs: str = ""

    @property
    def is_llm(self) -> bool:
        return isinstance(self.thing, LlmModel)

    @property
    def is_callable(self) -> bool:
        return self.state in (State.AVAILABLE, State.STAND_IN)

    @property
    def price_words(self) -> str:
        return self.tag.text if self.tag else _("Not priced here, so it cannot be called")

    @cached_property
    def haystack(self) -> str:
        """What words are looked for in; it has a task type's own English words beside those of the page."""
        family = self.thing.family
        also = " ".join(self.thing.aliases) if isinstance(self.thing, LlmModel) else ""
        english = (self.thing.title, self.thing.summary) if isinstance(self.thing, TaskSpec) else ()
        parts = (self.name, self.title, self.summary, family, self.kind.word, also, *english)
        return " ".join(parts).lower()


def all_entries() -> list[Entry]:
    """Everything that is not retired, in the order of the lists. Two queries at most, mostly none."""
    serves = llm_server()
    today = datetime.now(UTC).date()
    tasks = [of_task(spec) for spec in registry.all_specs().values()]
    models = [
        of_llm(model, serves=serves, today=today)
        for model in llm_models().values()
        if not model.is_retired(today)
    ]
    return tasks + models


def of_task(spec: TaskSpec) -> Entry:
    """A task type as lists show it."""
    rates = prices.task_rates(spec)
    return Entry(
        thing=spec,
        name=f"{spec.model} {spec.task_type}",
        url=page_url(f"{spec.model}/{spec.task_type}"),
        title=_(spec.title),
        summary=_(spec.summary),
        kind=kinds.OF_TASK[spec.kind],
        state=_task_state(spec),
        rates=rates,
        tag=prices.task_tag(rates),
        needs="" if spec.plan == prices.FIRST_PLAN else str(spec.plan.label),
    )


def _task_state(spec: TaskSpec) -> State:
    routes = byoa.usable_routes(spec)
    if not routes:
        return State.OFF
    return State.STAND_IN if all(route.is_sandbox for route in routes) else State.AVAILABLE


def of_llm(model: LlmModel, *, serves: Callable[[LlmModel], bool], today: date) -> Entry:
    """A model of the LLM lane as lists show it."""
    rates = prices.llm_rates(model)
    return Entry(
        thing=model,
        name=model.id,
        url=page_url(model.id),
        title=model.title,
        summary=summary(model),
        kind=kinds.OF_LLM[model.kind],
        state=_llm_state(model, is_priced=bool(rates), serves=serves),
        rates=rates,
        tag=prices.llm_tag(rates),
        note=ending(model, today),
        needs=_feature_plan(model.feature),
    )


def _llm_state(model: LlmModel, *, is_priced: bool, serves: Callable[[LlmModel], bool]) -> State:
    if not is_priced:
        return State.UNPRICED
    if serves(model):
        return State.AVAILABLE
    return State.STAND_IN if sandbox_route(model) is not None else State.OFF


def llm_server() -> Callable[[LlmModel], bool]:
    """Whether somebody serves a model now, or will without anybody's help. Reads the operator's accounts once."""
    hopeful = byoa.hopeful(providers=_REMOTE)

    def serves(model: LlmModel) -> bool:
        return any(
            bool(settings.LOCAL_MODELS_URL)
            if route.provider == _LOCAL
            else any((route.provider, family) in hopeful for family in ("", model.family))
            for route in model.every_route
        )

    return serves


def _feature_plan(feature: Feature | None) -> str:
    """The cheapest plan that includes it."""
    if feature is None:
        return ""
    return next(
        (plan.name for plan in plans_now() if plan.terms.includes(feature)), _("another plan")
    )


def page_url(name: str) -> str:
    return reverse("site:model", kwargs={"name": name})


def matching(
    found: list[Entry], *, words: str = "", kind: str = "", only_available: bool = False
) -> list[Entry]:
    """Those that hold every word, of that kind."""
    wanted = words.lower().split()
    return [
        one
        for one in found
        if (not kind or one.kind.value == kind)
        and (one.is_callable or not only_available)
        and all(word in one.haystack for word in wanted)
    ]


def in_order(found: list[Entry], *, by: str = "") -> list[Entry]:
    """By name, by price (what has none last), or with what can be called first."""
    if by == "name":
        return sorted(found, key=lambda one: (one.title.lower(), one.name))
    if by == "price":
        return sorted(
            found, key=lambda one: (one.tag is None, one.tag.number if one.tag else Decimal(0))
        )
    return sorted(found, key=lambda one: not one.is_callable)


def nearest(entry: Entry, among: list[Entry], *, most: int = 3) -> list[Entry]:
    """What can be called instead: of the same kind, alike in family, task and words."""
    words = set(entry.haystack.split())
    replacement = entry.thing.replaced_by if isinstance(entry.thing, LlmModel) else ""

    def likeness(other: Entry) -> tuple[bool, bool, bool, int]:
        return (
            other.name == replacement,
            other.state == State.AVAILABLE,
            other.thing.family == entry.thing.family,
            len(words & set(other.haystack.split())),
        )

    others = [
        one
        for one in among
        if one.kind == entry.kind and one.is_callable and one.name != entry.name
    ]
    return sorted(others, key=likeness, reverse=True)[:most]
