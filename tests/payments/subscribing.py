"""What tests of subscriptions share: a subscription at the local Stripe, its changes, and what came of them."""

from typing import Any
from uuid import uuid4

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry, PaymentCustomer, Subscription
from apps.billing.selectors.subscriptions import seats_of
from apps.billing.services.subscriptions import change, seats, start
from apps.notifications.models import Email
from tests.factories import WorkspaceFactory
from tests.payments.stripe_server import VISA, StripeServer

USD = 10_000_000
BACK = start.Return(
    done="http://testserver/done?session={CHECKOUT_SESSION_ID}", left="http://testserver/left"
)


def free() -> Workspace:
    """A workspace that pays nothing and has one dollar."""
    return WorkspaceFactory.create(plan="hobbyist")


def page(workspace: Workspace, server: StripeServer, plan: str = "developer") -> str:
    """The Checkout Session of a page that was opened for the plan."""
    start.start(workspace=workspace, plan=plan, client_key=uuid4().hex, back=BACK)
    with server.changing():
        newest = server.world.store.every("checkout.session")[-1]
    return str(newest["id"])


def subscribed(
    workspace: Workspace, server: StripeServer, plan: str = "developer", *, card: str = VISA
) -> Subscription:
    """A subscription that was paid on its page, whose customer came back."""
    session = page(workspace, server, plan)
    server.pay(session, card=card)
    assert start.landed(workspace=workspace, session_ref=session)
    return live(workspace)


def live(workspace: Workspace) -> Subscription:
    return Subscription.objects.of(workspace.pk).exclude(state="ended").get()


def customer(workspace: Workspace) -> str:
    return PaymentCustomer.objects.of(workspace.pk).get().ref


def asked(workspace: Workspace, client_key: str = "") -> change.Asked:
    return change.Asked(workspace, None, client_key or uuid4().hex)


def set_seats(workspace: Workspace, family: str, quantity: int) -> str:
    return seats.set_seats(asked=asked(workspace), family=family, seats=quantity, back=BACK)


def plan_of(workspace: Workspace) -> tuple[str, int | None]:
    """The plan and which version of it was bought."""
    workspace.refresh_from_db()
    version = workspace.plan_version
    return workspace.plan, version.version if version else None


def state_of(workspace: Workspace) -> dict[str, Any]:
    """All that a subscription decides here, for comparing."""
    selectors.forget_believed_keys()
    rows = Subscription.objects.of(workspace.pk).order_by("ref")
    return {
        "plan": plan_of(workspace),
        "rows": [
            (row.state, row.plan_version_id, row.next_version_id, row.cancels_at_period_end)
            for row in rows
        ],
        "seats": seats_of(workspace_id=workspace.pk),
        "granted": granted(workspace),
    }


def granted(workspace: Workspace) -> list[int]:
    """Every grant of the ledger but the welcome."""
    found = CreditEntry.objects.of(workspace.pk).filter(kind=CreditEntry.Kind.GRANT)
    return [
        one.available_delta - one.debt_delta
        for one in found.exclude(reference="signup").order_by("id")
    ]


def mails(workspace: Workspace) -> list[str]:
    found = Email.objects.of(workspace.pk).filter(kind__startswith="subscription")
    return list(found.order_by("id").values_list("subject", flat=True))
