"""What tests of automatic top-ups share: a workspace whose card is saved and whose balance is low."""

import time
import uuid

from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import AutoTopUp, Payment, PaymentCustomer, TopUp
from apps.billing.services import saved_cards
from apps.billing.services.auto_topup import charge, terms
from apps.notifications.models import Email
from tests.payments.cards import USD
from tests.payments.stripe_server import VISA, StripeServer

# Can be saved, then every charge is declined.
DECLINED_LATER = "4000000000000341"
ASKS_ALWAYS = "4000002760003184"
WANTED = terms.Wanted(
    is_on=True,
    threshold_points=5 * USD,
    amount_points=20 * USD,
    daily_cap_points=40 * USD,
    monthly_cap_points=100 * USD,
)


def save_card(workspace: Workspace, server: StripeServer, card: str = VISA) -> PaymentCustomer:
    """A card saved on Stripe's page for it, and noticed."""
    url = saved_cards.start(
        workspace_id=workspace.pk,
        client_key=uuid.uuid4().hex,
        done_url="http://testserver/done",
        left_url="http://testserver/left",
    )
    page = url.rpartition("/")[2]
    server.pay(page, card=card)
    setup = server.get(page)["setup_intent"]
    if server.get(setup)["status"] == "requires_action":
        server.authenticate(setup)
    assert saved_cards.landed(workspace_id=workspace.pk, page_ref=page)
    return PaymentCustomer.objects.of(workspace.pk).get()


def switch_on(
    workspace: Workspace, server: StripeServer, card: str = VISA, **changes: int
) -> AutoTopUp:
    """Below $5 add $20, at most $40 a day and $100 a month; the workspace has $1."""
    save_card(workspace, server, card)
    wanted = terms.Wanted(**(WANTED.__dict__ | changes))
    return terms.change(workspace_id=workspace.pk, wanted=wanted, actor=None)


def rested(workspace: Workspace) -> None:
    """As if the shortest pause between two top-ups was over."""
    AutoTopUp.objects.of(workspace.pk).update(last_started_at=None)


def started(workspace: Workspace) -> list[tuple[str, int]]:
    """Every automatic top-up, oldest first: its state and its dollars."""
    found = TopUp.objects.of(workspace.pk).filter(kind="auto").order_by("created_at")
    return [(one.state, one.amount_points // USD) for one in found]


def paid(workspace: Workspace) -> int:
    return Payment.objects.of(workspace.pk).count()


def charges(server: StripeServer, customer: str) -> list[str]:
    """How each charge of the customer ended at Stripe, oldest first."""
    found = server.client().v1.charges.list({"customer": customer, "limit": 100}).data
    return [one.status for one in found][::-1]


def customer(workspace: Workspace) -> str:
    return PaymentCustomer.objects.of(workspace.pk).get().ref


def settings_of(workspace: Workspace) -> AutoTopUp:
    return AutoTopUp.objects.of(workspace.pk).get()


def mails() -> list[str]:
    return list(Email.objects.across_workspaces().order_by("id").values_list("kind", flat=True))


def sweep_again() -> int:
    """The leases of what is open have ended."""
    TopUp.objects.across_workspaces().filter(next_at__isnull=False).update(next_at=timezone.now())
    return charge.sweep(stop_at=time.monotonic() + 60)
