"""How a call is declared: method, path, the SDK's parameters, and the function that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.rendering import listed, render
from apps.sandbox.stripe.store import Range
from apps.sandbox.stripe.world import World

# Gets the world, the parameters and the parts of the path; returns the object or a list of Stripe's shape.
Handler = Callable[..., Thing]
_MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    params: Any
    handler: Handler


def reading(kind: str, path: str, params: Any) -> Endpoint:
    """GET of one object by its id."""

    def retrieve(world: World, _: Thing, *, name: str) -> Thing:
        return world.must(kind, name)

    return Endpoint("GET", path, params, retrieve)


def listing(
    kind: str, path: str, params: Any, *, filters: dict[str, str] | None = None
) -> Endpoint:
    """GET of a page; `filters` maps a parameter to the field that must equal it."""

    def page(world: World, given: Thing) -> Thing:
        equal = {field: given[name] for name, field in (filters or {}).items() if name in given}
        return paged(world, kind, path, given, equal)

    return Endpoint("GET", path, params, page)


def paged(world: World, kind: str, url: str, given: Thing, equal: Thing) -> Thing:
    """One page of a kind, newest first, as `limit`, `created`, `starting_after` and `ending_before` ask."""
    limit = given.get("limit", 10)
    if not 1 <= limit <= _MAX_PAGE:
        raise invalid(f"Invalid limit: must be between 1 and {_MAX_PAGE}", param="limit")
    for name in ("starting_after", "ending_before"):
        if name in given:
            world.must(kind, given[name], param=name)
    things, has_more = world.store.page(
        kind,
        equal=equal,
        created=_range(given.get("created")),
        limit=limit,
        after=given.get("starting_after", ""),
        before=given.get("ending_before", ""),
    )
    return listed(url, things, has_more=has_more)


def _range(created: Any) -> Range:
    if created is None:
        return Range()
    if isinstance(created, int):
        return Range(created, created)
    least = [created["gte"]] if "gte" in created else []
    least += [created["gt"] + 1] if "gt" in created else []
    most = [created["lte"]] if "lte" in created else []
    most += [created["lt"] - 1] if "lt" in created else []
    return Range(max(least, default=None), min(most, default=None))


def shown(world: World, answer: Thing, expand: list[str]) -> Thing:
    """The answer as it goes out; `expand` of a list begins with `data`."""
    if answer.get("object") != "list":
        return render(world.store, answer, expand)
    inner = []
    for path in expand:
        head, _, rest = path.partition(".")
        if head != "data" or not rest:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        inner.append(rest)
    return {**answer, "data": [render(world.store, one, inner) for one in answer["data"]]}


def metadata(given: Thing, old: Thing | None = None) -> Thing:
    """What is kept: an empty value removes its name, an empty string removes all."""
    new = given.get("metadata", {})
    if new == "":
        return {}
    return {name: value for name, value in {**(old or {}), **new}.items() if value != ""}


def refuse(given: Thing, unplayed: tuple[str, ...]) -> None:
    """Raises StripeError for what Stripe would do and this server does not, lest it pass unnoticed."""
    for name in unplayed:
        if given.get(name):
            raise invalid(f"The sandbox does not play this parameter: {name}.", param=name)
