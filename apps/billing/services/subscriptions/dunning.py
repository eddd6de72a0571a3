"""What happens after a renewal failed: reminders, and on the last day the way back to the free plan.

The plan stays until then. Days count from the moment we first heard of it. Before anything is written Stripe is asked
once more, so that who has paid meanwhile hears nothing.
"""

import contextlib
import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.models import Subscription
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.billing.services.subscriptions import notices
from apps.billing.services.subscriptions.events import look, look_with_invoice

log = logging.getLogger(__name__)
State = Subscription.State

# A period that is over for so long without news of its renewal is asked for.
_QUIET = timedelta(hours=2)
_BATCH = 200


def run() -> int:
    """Remind and end what is due. Says how many subscriptions were looked at. Safe to run at once."""
    due = _due()
    for ref in due:
        try:
            _one(ref)
        except (stripe.StripeError, Unmatched, NotOurs) as error:
            log.warning("subscription not looked at", extra={"reason": str(error)[:200]})
    return len(due)


def _due() -> list[str]:
    everybody = Subscription.objects.across_workspaces()
    unpaid = everybody.filter(state=State.PAST_DUE)
    late = everybody.filter(
        state__in=[State.ACTIVE, State.INCOMPLETE],
        period_ends_at__lt=timezone.now() - _QUIET,
    )
    found = (unpaid | late).order_by("updated_at")
    return list(found.values_list("ref", flat=True)[:_BATCH])


def _one(ref: str) -> None:
    row = look_with_invoice(ref=ref)
    if row is None or row.state != State.PAST_DUE:
        return
    if _reminded(ref) != settings.DUNNING_DAYS[-1]:
        return
    # The last reminder is written. Dying before this: the next run comes here again.
    with contextlib.suppress(stripe.Refused):
        stripe_subscriptions.cancel(ref, idempotency_key=f"unpaid:{ref}")
    look(ref=ref)


@transaction.atomic
def _reminded(ref: str) -> int | None:
    """Write the newest reminder that is due, if it was not; the last day written for."""
    found = Subscription.objects.across_workspaces().select_related("workspace", "plan_version")
    row = found.select_for_update(of=("self",)).get(ref=ref)
    if row.state != State.PAST_DUE or row.past_due_since is None:
        return None
    day = (timezone.now() - row.past_due_since).days
    due = max((each for each in settings.DUNNING_DAYS if each <= day), default=None)
    if due is not None and (row.dunned_day is None or row.dunned_day < due):
        notices.remind(row, day=due)
    return row.dunned_day
