"""Which routes the operator's pool and the local engine can take work on."""

import threading
import time

from django.conf import settings

from apps.byoa import policies
from apps.byoa.models import Account, Status
from apps.catalog.spec import Route, TaskSpec
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.providers.local import registry as local_engine

# Any server that speaks our contract serves every spec, after the ways that the spec names itself.
IMPLIED = Route("federation", job="", queue="provider")
# Of these an account takes work now or will without anybody's help.
_HOPEFUL = (Status.ACTIVE, Status.COOLING, Status.CHECKING)
# Work for which speed matters falls back to the slow one.
_SLOWER = "relax"


class NoRoute(DomainError):
    """No account or engine can serve this model now; nothing was created or charged."""

    type = "no_route"


def routes(spec: TaskSpec) -> tuple[Route, ...]:
    """Every way to have it made, in order of preference, whether or not an account is there for it.

    The sandbox comes last: it only serves what nobody else does.
    """
    named = [route for route in spec.routes if not route.is_sandbox]
    return (*named, IMPLIED, *(route for route in spec.routes if route.is_sandbox))


def usable_routes(spec: TaskSpec, mode: str = "") -> list[Route]:
    """Those that could take work at this speed now, or will by themselves (a cool-down, a period, tomorrow's cap).

    The operator's accounts are believed as they were up to a second ago.
    """
    found = [route for route in routes(spec) if _is_usable(route, spec.family, mode)]
    real = [route for route in found if not route.is_sandbox]
    return real or found


def usable_route(spec: TaskSpec, mode: str = "") -> Route | None:
    """The first of them."""
    # Lazily: what the local engine makes asks nothing of the database.
    return next((route for route in routes(spec) if _is_usable(route, spec.family, mode)), None)


def is_available(spec: TaskSpec) -> bool:
    return usable_route(spec) is not None


def required_route(spec: TaskSpec, mode: str = "") -> Route:
    """The route to use. Raises NoRoute."""
    route = usable_route(spec, mode)
    if route is None:
        raise no_route(spec)
    return route


def no_route(spec: TaskSpec, why: str = "") -> NoRoute:
    """The refusal; `why` is a sentence more."""
    name = f"{spec.model} {spec.task_type}"
    words = sentence("No account can serve {name} now. Nothing was created or charged.", name=name)
    if why:
        words = sentence(
            "No account can serve {name} now. {why} Nothing was created or charged.",
            name=name,
            why=why,
        )
    return NoRoute(words, retry_after=60)


def engine_can(route: Route) -> bool:
    """Whether the local engine is on and has what the job needs; also of work that somebody else would make today."""
    is_on = settings.LOCAL_ENGINE and (settings.SANDBOX_ENGINE or not route.is_sandbox)
    return is_on and local_engine.available(route.job)


def _is_usable(route: Route, family: str, mode: str) -> bool:
    if route.provider == "local":
        return engine_can(route)
    served = _served()
    speeds = {mode, _SLOWER} if mode else {""}
    return any((route.provider, one, speed) in served for one in ("", family) for speed in speeds)


# Every request for a task asks, so each process reads the pool once a second and not once a request.
_KEPT_SECONDS = 1.0
_Served = frozenset[tuple[str, str, str]]
_kept: tuple[float, _Served] = (0.0, frozenset())
_lock = threading.Lock()
_SPEEDS = ("", "relax", "fast", "turbo")


def _served() -> _Served:
    """(provider, family, speed) of the operator's hopeful accounts; family "" stands for all."""
    global _kept
    until, served = _kept
    if time.monotonic() < until:
        return served
    with _lock:
        until, served = _kept
        if time.monotonic() >= until:
            served = _read()
            _kept = (time.monotonic() + _KEPT_SECONDS, served)
    return served


def _read() -> _Served:
    rows = Account.objects.across_workspaces().filter(
        workspace=None, is_paused=False, status__in=_HOPEFUL
    )
    return frozenset(
        (account.provider, family, speed)
        for account in rows.only("provider", "families", "mode", "has_relax", "is_out_of_fast")
        for family in account.families or [""]
        for speed in _SPEEDS
        if policies.takes(account, mode=speed)
    )


def forget_pool() -> None:
    """Read the pool again at the next question (tests, and the process that changed it)."""
    global _kept
    _kept = (0.0, frozenset())
