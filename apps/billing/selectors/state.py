"""What every page needs to know of a workspace's money, in one query."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Subquery

from apps.billing.models import AutoTopUp, PaymentCustomer, Subscription, TopUp, Wallet


@dataclass(frozen=True)
class MoneyState:
    """The wallet, what may fill it by itself, and what waits for somebody.

    `to_confirm` is the automatic top-up that the bank wants to see its owner for; `is_past_due`: a renewal is unpaid.
    """

    wallet: Wallet
    auto_top_up: AutoTopUp | None
    customer: PaymentCustomer | None
    to_confirm: UUID | None
    is_past_due: bool

    @property
    def stopped_reason(self) -> str:
        """Why automatic top-ups ended by themselves; empty while nothing is wrong."""
        return self.auto_top_up.stopped_reason if self.auto_top_up else ""


def money_state(*, workspace_id: int) -> MoneyState:
    """One query, whatever there is."""
    waiting = TopUp.objects.of(workspace_id).filter(
        workspace_id=OuterRef("workspace_id"),
        kind=TopUp.Kind.AUTO,
        state=TopUp.State.NEEDS_ACTION,
    )
    unpaid = Subscription.objects.of(workspace_id).filter(
        workspace_id=OuterRef("workspace_id"), state=Subscription.State.PAST_DUE
    )
    wallet = (
        Wallet.objects.of(workspace_id)
        .select_related("workspace__auto_top_up", "workspace__payment_customer")
        .annotate(to_confirm=Subquery(waiting.values("pk")[:1]), is_past_due=Exists(unpaid))
        .get()
    )
    return MoneyState(
        wallet=wallet,
        auto_top_up=getattr(wallet.workspace, "auto_top_up", None),
        customer=getattr(wallet.workspace, "payment_customer", None),
        to_confirm=wallet.to_confirm,
        is_past_due=wallet.is_past_due,
    )
