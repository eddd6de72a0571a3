"""Where settled money becomes credits, and where money that went back takes them again.

Every provider comes here with what it says now; what happened before, and how often we were told, makes no difference.
A payment's row is locked first and the wallet last, and everything that follows from a payment (credits, invoice,
rewards, mail) is written in the transaction that records it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum

from apps.accounts.models import User
from apps.billing import policies
from apps.billing.models import Payment, Reversal, TopUp
from apps.billing.services import invoices, movements, referrals

State = TopUp.State


class PaymentMismatch(Exception):
    """The provider tells another story of a payment we know: another workspace, amount or currency."""


@dataclass(frozen=True)
class Settled:
    """Money that has arrived for good, in US dollar points; `ref` is the provider's name of the movement.

    `credit_points` is what it brings, `credits_expire_at` until when. `lines` are those of the invoice:
    [{"text", "quantity", "amount_points"}], whose amounts sum to `amount_points`.
    """

    workspace_id: int
    provider: str
    ref: str
    kind: str
    amount_points: int
    credit_points: int
    paid_at: datetime
    lines: Sequence[dict[str, Any]]
    tax_points: int = 0
    method: str = ""
    card_fingerprint: str = ""
    top_up_id: Any = None
    credits_expire_at: datetime | None = None
    is_test: bool = False


@transaction.atomic
def settle(settled: Settled) -> tuple[Payment, bool]:
    """Record a payment and everything that follows from it. Safe to repeat: says whether it was new.

    Raises PaymentMismatch when the same movement was recorded with other facts.
    """
    payment, is_new = Payment.objects.across_workspaces().get_or_create(
        provider=settled.provider, ref=settled.ref, defaults=_facts(settled)
    )
    if not is_new:
        _check_same(payment, settled)
        return payment, False
    if settled.top_up_id is not None:
        _close_top_up(settled)
    invoices.issue(payment=payment)
    referrals.note_payment(payment=payment)
    _credit(payment, settled.credits_expire_at)
    return payment, True


def _facts(settled: Settled) -> dict[str, Any]:
    return {
        "workspace_id": settled.workspace_id,
        "kind": settled.kind,
        "top_up_id": settled.top_up_id,
        "amount_points": settled.amount_points,
        "tax_points": settled.tax_points,
        "credit_points": settled.credit_points,
        "method": settled.method[:100],
        "card_fingerprint": settled.card_fingerprint,
        "lines": list(settled.lines),
        "is_test": settled.is_test,
        "paid_at": settled.paid_at,
    }


def _check_same(payment: Payment, settled: Settled) -> None:
    known = (payment.workspace_id, payment.amount_points, payment.tax_points, payment.credit_points)
    told = (
        settled.workspace_id,
        settled.amount_points,
        settled.tax_points,
        settled.credit_points,
    )
    if known != told:
        raise PaymentMismatch(f"{settled.provider} {settled.ref}: recorded {known}, told {told}")


def _close_top_up(settled: Settled) -> None:
    # A top-up whose time was over when the money came is credited all the same.
    TopUp.objects.of(settled.workspace_id).filter(pk=settled.top_up_id).update(
        state=State.CREDITED, failure="", next_at=None
    )


def _credit(payment: Payment, expires_at: datetime | None) -> None:
    if not payment.credit_points:
        return
    move = movements.purchase if payment.kind == Payment.Kind.TOP_UP else movements.grant
    move(
        workspace_id=payment.workspace_id,
        points=payment.credit_points,
        reference=reference(payment),
        note=str(payment.lines[0]["text"]) if payment.lines else "",
        expires_at=expires_at,
    )


def reference(payment: Payment) -> str:
    """How the ledger names it."""
    return f"payment:{payment.pk}"


@dataclass(frozen=True)
class WentBack:
    """What a provider says now of one refund, dispute or vanished transfer; `amount_points` holds tax."""

    kind: str
    ref: str
    amount_points: int
    is_in_effect: bool
    status: str = ""
    reason: str = ""
    actor: User | None = None


@transaction.atomic
def reverse(*, payment_id: Any, went_back: WentBack) -> Payment:
    """Bring credits, documents and rewards in line with what went back. Safe to repeat and in any order.

    The credits of the part that is in effect are taken back; what was spent of them becomes debt. What is no longer in
    effect (a dispute we won, a refund that failed) is given back.
    """
    payment = Payment.objects.across_workspaces().select_for_update().get(pk=payment_id)
    reversal, changed = _noted(payment, went_back)
    if not changed:
        return payment
    before = payment.clawed_points
    payment.clawed_points = policies.clawback(
        credit_points=payment.credit_points,
        paid_points=payment.total_points,
        back_points=_back_points(payment),
    )
    payment.changes += 1
    payment.save(update_fields=["clawed_points", "changes"])
    invoices.correct(reversal=reversal)
    referrals.note_reversal(payment=payment)
    _move_difference(payment, payment.clawed_points - before, reversal)
    return payment


def _noted(payment: Payment, told: WentBack) -> tuple[Reversal, bool]:
    facts = {
        "amount_points": told.amount_points,
        "is_in_effect": told.is_in_effect,
        "status": told.status[:40],
    }
    reversal, is_new = Reversal.objects.across_workspaces().get_or_create(
        payment=payment,
        kind=told.kind,
        ref=told.ref,
        defaults={
            **facts,
            "workspace_id": payment.workspace_id,
            "reason": told.reason[:300],
            "actor": told.actor,
        },
    )
    if is_new:
        return reversal, True
    if all(getattr(reversal, name) == value for name, value in facts.items()):
        return reversal, False
    for name, value in facts.items():
        setattr(reversal, name, value)
    reversal.save(update_fields=[*facts, "updated_at"])
    return reversal, True


def _back_points(payment: Payment) -> int:
    in_effect = Reversal.objects.of(payment.workspace_id).filter(payment=payment, is_in_effect=True)
    return int(in_effect.aggregate(sum=Sum("amount_points"))["sum"] or 0)


def _move_difference(payment: Payment, difference: int, reversal: Reversal) -> None:
    if difference == 0:
        return
    cause = f"{reference(payment)}:{payment.changes}"
    note = reversal.get_kind_display()
    if difference > 0:
        movements.claw_back(
            workspace_id=payment.workspace_id, points=difference, reference=cause, note=note
        )
    else:
        movements.reinstate(
            workspace_id=payment.workspace_id, points=-difference, reference=cause, note=note
        )
