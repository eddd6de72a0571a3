"""Mails about subscriptions, each once, in the transaction of what they tell of."""

from typing import Any

from django.conf import settings

from apps.accounts.models import Plan
from apps.billing import selectors
from apps.billing.models import Subscription
from apps.notifications.services import mail

State = Subscription.State


def tell(row: Subscription, *, before: str | None) -> None:
    """What a change of state is worth writing: a renewal that failed, and a plan that is over."""
    if row.state == State.PAST_DUE and row.dunned_day is None:
        remind(row, day=0)
    if row.state == State.ENDED and before in (State.ACTIVE, State.PAST_DUE):
        _ended(row)


def remind(row: Subscription, *, day: int) -> None:
    """Write the reminder of that day after a renewal failed: once per day and failed renewal."""
    since = row.past_due_since
    _add(
        row,
        template="subscription_past_due",
        key=f"subscription:{row.ref}:{since:%Y%m%d%H%M%S%f}:{day}" if since else "",
        context={"day": day, "days_left": settings.DUNNING_DAYS[-1] - day, "pay_url": row.pay_url},
    )
    row.dunned_day = day
    row.save(update_fields=["dunned_day", "updated_at"])


def _ended(row: Subscription) -> None:
    _add(
        row,
        template="subscription_ended",
        key=f"subscription:{row.ref}:ended",
        context={"unpaid": row.past_due_since is not None},
    )


def _add(row: Subscription, *, template: str, key: str, context: dict[str, Any]) -> None:
    version = row.plan_version
    words = {
        "workspace": row.workspace.name,
        "plan": Plan(version.plan).label if version else "",
        "plans_url": f"{settings.BASE_URL}/w/{row.workspace.slug}/billing/plans",
    }
    mail.add(
        key=key,
        to=selectors.recipients(workspace_id=row.workspace_id),
        template=template,
        context=words | context,
        workspace_id=row.workspace_id,
    )
