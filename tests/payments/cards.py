"""What tests of card payments share: a top-up at the local Stripe, its events, and a look at the books."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from apps.accounts.models import Workspace
from apps.billing import selectors
from apps.billing.gateways import stripe as gateway
from apps.billing.models import CreditEntry, InboundEvent, Payment, Provider, Reversal, TopUp
from apps.billing.services import topups
from apps.billing.services.inbox import receive, work
from tests.payments.stripe_server import VISA, StripeServer

USD = 10_000_000


def start(workspace: Workspace, *, usd: int = 20, **more: Any) -> TopUp:
    """A top-up whose page is open."""
    given = {"client_key": uuid4().hex, "user": None} | more
    return topups.start(
        workspace_id=workspace.pk,
        amount_points=usd * USD,
        status_url=lambda top_up_id: f"http://testserver/topup/{top_up_id}",
        **given,
    )


def paid(workspace: Workspace, server: StripeServer, *, usd: int = 20, card: str = VISA) -> str:
    """A top-up that is paid and credited; its PaymentIntent."""
    top_up = start(workspace, usd=usd)
    server.pay(top_up.ref, card=card)
    topups.confirm(top_up=top_up)
    return Payment.objects.of(workspace.pk).get(top_up=top_up).ref


def tell(events: Sequence[Any]) -> None:
    """Store events as the endpoint does, and understand them all."""
    receive.store(source=Provider.STRIPE, events=[gateway.event(one) for one in events])
    understand()


def understand() -> None:
    while work.work() or work.is_due():
        pass


def shuffled(events: Sequence[Any], seed: int) -> list[Any]:
    mixed = list(events)
    random.Random(seed).shuffle(mixed)
    return mixed


def balance(workspace: Workspace) -> tuple[int, int]:
    """Available and owed."""
    wallet = selectors.wallet(workspace_id=workspace.pk)
    return (wallet.available, wallet.debt)


def credited(workspace: Workspace) -> list[int]:
    """Every purchase line of the ledger."""
    found = CreditEntry.objects.of(workspace.pk).filter(kind=CreditEntry.Kind.PURCHASE)
    return [one.available_delta - one.debt_delta for one in found.order_by("id")]


def reversals(workspace: Workspace) -> list[tuple[str, int, bool]]:
    found = Reversal.objects.of(workspace.pk).order_by("kind", "ref")
    return [(one.kind, one.amount_points, one.is_in_effect) for one in found]


def states() -> dict[str, str]:
    """How each event ended, by its kind."""
    return dict(InboundEvent.objects.order_by("id").values_list("kind", "state"))
