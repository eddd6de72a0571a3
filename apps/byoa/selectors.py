"""Which routes can take work, and how an account is reached."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import Now

from apps.byoa.models import Account, Status
from apps.catalog.spec import Route, TaskSpec
from apps.core import sealing
from apps.core.errors import DomainError
from apps.providers.base import Access
from apps.providers.local import registry as local_engine

# Any server that speaks our contract serves every spec, after the ways that the spec names itself.
IMPLIED = Route("federation", job="", queue="provider")
# Of these an account takes work now or will without anybody's help.
_HOPEFUL = (Status.ACTIVE, Status.COOLING, Status.CHECKING)


class NoRoute(DomainError):
    """No account or engine can serve this model now; nothing was created or charged."""

    type = "no_route"


def routes(spec: TaskSpec) -> tuple[Route, ...]:
    """Every way to have it made, in order of preference, whether or not an account is there for it."""
    return (*spec.routes, IMPLIED)


def usable_routes(spec: TaskSpec) -> list[Route]:
    """Those that could take work now, or will by themselves (a cool-down, an active period, tomorrow's cap).

    The operator's accounts are believed as they were up to a second ago.
    """
    return [route for route in routes(spec) if _is_usable(route, spec.family)]


def usable_route(spec: TaskSpec) -> Route | None:
    """The first of them."""
    # Lazily: what the local engine makes asks nothing of the database.
    return next((route for route in routes(spec) if _is_usable(route, spec.family)), None)


def is_available(spec: TaskSpec) -> bool:
    return usable_route(spec) is not None


def required_route(spec: TaskSpec) -> Route:
    """The route to use. Raises NoRoute."""
    route = usable_route(spec)
    if route is None:
        raise NoRoute(
            f"No account can serve {spec.model} {spec.task_type} now. Nothing was created or charged.",
            retry_after=60,
        )
    return route


def access(account: Account) -> Access:
    """What an adapter needs to use the account. Raises sealing.CannotOpen."""
    credential = account.credential and sealing.unseal(
        account.credential, bound_to=account.sealed_to
    )
    return Access(base_url=account.base_url, credential=credential, config=account.config)


def _is_usable(route: Route, family: str) -> bool:
    if route.provider == "local":
        return settings.LOCAL_ENGINE and local_engine.available(route.job)
    served = _served()
    return (route.provider, "") in served or (route.provider, family) in served


# Every request for a task asks, so each process reads the pool once a second and not once a request.
_KEPT_SECONDS = 1.0
_Served = frozenset[tuple[str, str]]
_kept: tuple[float, _Served] = (0.0, frozenset())
_lock = threading.Lock()


def _served() -> _Served:
    """(provider, family) of the operator's hopeful accounts; family "" stands for all."""
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
        (provider, family)
        for provider, families in rows.values_list("provider", "families").distinct()
        for family in families or [""]
    )


def forget_pool() -> None:
    """Read the pool again at the next question (tests, and the process that changed it)."""
    global _kept
    _kept = (0.0, frozenset())


# ------------------------------------------------------------------- the operator's view
@dataclass(frozen=True)
class Overview:
    """An account as its operator sees it: slots in use, and tasks taken today (UTC). Nothing in it is secret."""

    account: Account
    in_use: int
    today: int

    def as_json(self) -> dict[str, Any]:
        shown = {name: getattr(self.account, name) for name in _SHOWN}
        has_key = bool(self.account.credential)
        return {**shown, "has_credential": has_key, "in_use": self.in_use, "today": self.today}


_SHOWN = (
    "id", "provider", "label", "base_url", "families", "weight", "slots", "requests_per_minute", "daily_cap",
    "active_from", "active_to", "time_zone", "is_paused", "status", "status_reason", "status_since", "resume_at",
    "failures",
)  # fmt: skip


def pool_overview() -> list[Overview]:
    """The operator's accounts, oldest first."""
    rows = (
        Account.objects.across_workspaces()
        .filter(workspace=None)
        .annotate(now=Now(), in_use=Count("leases", filter=Q(leases__expires_at__gt=Now())))
        .order_by("id")
    )
    return [
        Overview(row, row.in_use, row.day_count if row.day == row.now.date() else 0) for row in rows
    ]
