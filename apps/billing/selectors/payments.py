"""Reading payments, top-ups and what providers told us."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.billing.models import InboundEvent, Payment, PaymentCustomer, TopUp
from apps.core.errors import NotFound


def top_up(*, workspace_id: int, top_up_id: UUID) -> TopUp:
    """Raises NotFound for another workspace's too."""
    try:
        return TopUp.objects.of(workspace_id).get(pk=top_up_id)
    except TopUp.DoesNotExist:
        raise NotFound("There is no such top-up.") from None


def newest_top_ups(*, workspace_id: int) -> QuerySet[TopUp]:
    return TopUp.objects.of(workspace_id).order_by("-created_at", "-id")


def payments_of(*, workspace_id: int, top_up_id: UUID) -> list[Payment]:
    """What arrived for a top-up, in order."""
    found = Payment.objects.of(workspace_id).filter(top_up_id=top_up_id)
    return list(found.order_by("created_at"))


def customer(*, workspace_id: int) -> PaymentCustomer | None:
    """The workspace at Stripe; None before its first payment."""
    return PaymentCustomer.objects.of(workspace_id).first()


@dataclass(frozen=True)
class Unplaced:
    """Events of one state that a person should look at: how many, and for how long the oldest has waited."""

    state: str
    count: int
    oldest_seconds: float


def unplaced() -> list[Unplaced]:
    """Unmatched, failed and overdue events. One line per state, also when there are none."""
    states = InboundEvent.State
    found = {
        row["state"]: row
        for row in InboundEvent.objects.filter(
            state__in=[states.UNMATCHED, states.FAILED, states.WAITING]
        )
        .exclude(state=states.WAITING, next_at__gt=Now())
        .values("state")
        .annotate(count=Count("id"), oldest=Min("received_at"))
        .order_by()
    }
    return [_unplaced(state, found.get(state)) for state in ("unmatched", "failed", "waiting")]


def _unplaced(state: str, row: Any) -> Unplaced:
    if row is None:
        return Unplaced(state, 0, 0.0)
    age = timezone.now() - row["oldest"]
    return Unplaced(state, row["count"], age.total_seconds())
