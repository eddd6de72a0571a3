import itertools
from datetime import UTC, datetime
from typing import Any

from apps.accounts import plans
from apps.accounts.models import Workspace
from apps.billing.models import Invoice, Payment, Subscription
from apps.billing.services import payments

USD = 10_000_000
_refs = itertools.count(1)


def settled(workspace: Workspace, *, usd: int = 20, **facts: Any) -> payments.Settled:
    """Money that has arrived: a top-up of so many dollars by card, unless `facts` say otherwise."""
    points = usd * USD
    given: dict[str, Any] = {
        "provider": "stripe",
        "ref": f"pi_test_{next(_refs)}",
        "kind": Payment.Kind.TOP_UP,
        "amount_points": points,
        "credit_points": points,
        "paid_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "lines": [{"text": "Credits", "quantity": 1, "amount_points": points}],
        "method": "Visa ending in 4242",
    }
    return payments.Settled(workspace_id=workspace.pk, **(given | facts))


def payment(workspace: Workspace, *, usd: int = 20, **facts: Any) -> Payment:
    """A settled payment with all that follows from it."""
    made, _ = payments.settle(settled(workspace, usd=usd, **facts))
    return made


def invoice(workspace: Workspace, **facts: Any) -> Invoice:
    """The invoice of a new payment."""
    made = payment(workspace, **facts)
    return Invoice.objects.of(workspace.pk).get(payment=made, kind="invoice")


def subscription(workspace: Workspace, plan: str = "developer") -> Subscription:
    """A paid plan, as it stands after Stripe was read; there is nothing at Stripe."""
    version = plans.current(plan=plan)
    Workspace.objects.filter(pk=workspace.pk).update(plan=plan, plan_version=version)
    workspace.refresh_from_db()
    return Subscription.objects.create(
        workspace=workspace,
        ref=f"sub_test_{next(_refs)}",
        state=Subscription.State.ACTIVE,
        plan_version=version,
    )
