"""Reading automatic top-ups: what is set, what is spent of its limits, what waits for its owner."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, Sum

from apps.billing.models import AutoTopUp, TopUp

State = TopUp.State
# These took no money.
_FAILED = (State.FAILED, State.EXPIRED, State.CANCELLED)


@dataclass(frozen=True)
class Spent:
    """What automatic top-ups added, or are about to, in the running UTC day and month."""

    today: int
    this_month: int


def settings_of(*, workspace_id: int) -> AutoTopUp | None:
    """What the owner set; None before they ever did."""
    return AutoTopUp.objects.of(workspace_id).first()


def open_top_up(*, workspace_id: int) -> TopUp | None:
    """The automatic top-up that is under way."""
    found = TopUp.objects.of(workspace_id).filter(kind=TopUp.Kind.AUTO, state__in=TopUp.OPEN)
    return found.first()


def spent(*, workspace_id: int, now: datetime) -> Spent:
    """One query. Open ones count, so that two limits are never passed by one charge each."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = (
        TopUp.objects.of(workspace_id)
        .filter(kind=TopUp.Kind.AUTO, created_at__gte=today.replace(day=1))
        .exclude(state__in=_FAILED)
        .aggregate(
            today=Sum("amount_points", filter=Q(created_at__gte=today)),
            month=Sum("amount_points"),
        )
    )
    return Spent(today=found["today"] or 0, this_month=found["month"] or 0)


def room(*, row: AutoTopUp, now: datetime) -> int:
    """What may still be added today."""
    used = spent(workspace_id=row.workspace_id, now=now)
    return min(row.daily_cap_points - used.today, row.monthly_cap_points - used.this_month)
