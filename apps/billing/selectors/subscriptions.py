"""Reading plans and seats."""

from apps.billing.models import Seats, Subscription

State = Subscription.State
LIVE = (State.INCOMPLETE, State.ACTIVE, State.PAST_DUE)


def subscription_of(*, workspace_id: int) -> Subscription | None:
    """The live subscription. None: nothing is paid by the month, and the plan is free or was given by hand."""
    found = Subscription.objects.of(workspace_id).filter(state__in=LIVE)
    return found.select_related("plan_version", "next_version").first()


def seats_of(*, workspace_id: int) -> dict[str, int]:
    """Rented seats by family, those without any left out. What is unpaid counts until the subscription ends."""
    live = (State.ACTIVE, State.PAST_DUE)
    rows = Seats.objects.of(workspace_id).filter(subscription__state__in=live)
    return dict(rows.values_list("family", "quantity"))


def seat_rows(*, workspace_id: int) -> list[Seats]:
    """The same with what was agreed, by family."""
    live = (State.ACTIVE, State.PAST_DUE)
    rows = Seats.objects.of(workspace_id).filter(subscription__state__in=live)
    return list(rows.order_by("family"))
