"""Accounts as a gateway process uses them: those that can take calls, with what opens each."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Now

from apps.byoa import policies
from apps.byoa.models import Account, Status
from apps.byoa.selectors.access import access
from apps.core.sealing import CannotOpen
from apps.providers.base import Access

log = logging.getLogger(__name__)

_READY = (Status.ACTIVE, Status.COOLING, Status.CHECKING)


@dataclass(frozen=True)
class LiveAccount:
    """An account that takes calls now. `slots` is one while it is being tried after a rest; `left_today` under a cap.

    `is_sound`: it has not failed lately, so success is no news.
    """

    id: int
    workspace_id: int | None
    provider: str
    families: frozenset[str]
    weight: str
    slots: int
    requests_per_minute: int | None
    left_today: int | None
    is_sound: bool
    access: Access

    def serves(self, family: str) -> bool:
        return not self.families or family in self.families


def live_accounts(*, workspace_id: int | None, providers: Collection[str]) -> list[LiveAccount]:
    """The operator's accounts (None) or a workspace's, of these providers, that take new work by the database's clock.

    Paused, parked, resting, outside their period and over the day's cap they are left out, and backups that nothing
    activated. Secrets are in it: it is never to be shown.
    """
    rows = (
        Account.objects.across_workspaces()
        .filter(Q(workspace=workspace_id), provider__in=providers, status__in=_READY)
        .filter(seat_ended_at=None)
        .annotate(now=Now())
        .order_by("id")
    )
    return [found for row in rows if (found := _live(row)) is not None]


def hopeful(*, providers: Collection[str]) -> frozenset[tuple[str, str]]:
    """(provider, family) of the operator's accounts that serve now or will by themselves; family "" stands for all."""
    rows = Account.objects.across_workspaces().filter(
        workspace=None, provider__in=providers, status__in=_READY, is_paused=False
    )
    return frozenset(
        (provider, family)
        for provider, families in rows.values_list("provider", "families")
        for family in families or [""]
    )


def _live(row: Account) -> LiveAccount | None:
    now = row.now  # type: ignore[attr-defined]
    state = policies.state_of(row, now=now)
    if state not in (policies.State.ACTIVE, policies.State.NO_FAST_HOURS):
        return None
    left = None
    if row.daily_cap is not None:
        left = row.daily_cap - (row.day_count if row.day == now.date() else 0)
        if left <= 0:
            return None
    try:
        opened = access(row)
    except CannotOpen:
        log.error("credential cannot be opened", extra={"account": row.pk})  # noqa: TRY400 - no secret in a trace
        return None
    return LiveAccount(
        id=row.pk,
        workspace_id=row.workspace_id,
        provider=row.provider,
        families=frozenset(row.families),
        weight=row.weight,
        slots=1 if row.status == Status.COOLING else row.slots,
        requests_per_minute=row.requests_per_minute,
        left_today=left,
        is_sound=row.status == Status.ACTIVE and row.failures == 0,
        access=opened,
    )
