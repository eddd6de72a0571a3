"""Invoices and what corrects them, written in the transaction of the payment they are about.

A document is numbered under a lock of its seller's row and kept with everything printed on it, so numbers have no gaps
(a payment that rolls back takes its number with it) and no later change of an address reaches an old invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from apps.accounts.models import Membership, Workspace
from apps.billing import policies
from apps.billing.models import BillingProfile, Invoice, LegalEntity, Payment, Reversal

Kind = Invoice.Kind


def issue(*, payment: Payment) -> None:
    """The invoice of a payment, in the transaction that records it. A payment of nothing gets none."""
    if payment.total_points <= 0:
        return
    amounts = _Amounts(net=payment.amount_points, tax=payment.tax_points)
    _write(_Document(Kind.INVOICE, payment, amounts, _lines(payment)), entity=_seller(payment))


def correct(*, reversal: Reversal) -> None:
    """Bring the documents of a payment in line with what went back, in the transaction that records the reversal.

    Together they never say more than the invoice did. The caller holds the payment's row, so that two refunds at once
    are told one after the other.
    """
    payment = reversal.payment
    documents = Invoice.objects.of(payment.workspace_id)
    invoice = documents.filter(payment=payment, kind=Kind.INVOICE).first()
    if invoice is None:
        return
    amounts = _to_correct(invoice, payment)
    if amounts.total == 0:
        return
    kind = Kind.CREDIT_NOTE if amounts.total < 0 else Kind.DEBIT_NOTE
    lines = [
        {"text": _reason(kind, reversal, invoice), "quantity": 1, "amount_points": amounts.net}
    ]
    document = _Document(kind, payment, amounts, lines, corrects=invoice, reversal=reversal)
    _write(document, entity=LegalEntity.objects.get(pk=invoice.entity_id))


@dataclass(frozen=True)
class _Amounts:
    net: int
    tax: int

    @property
    def total(self) -> int:
        return self.net + self.tax


@dataclass(frozen=True)
class _Document:
    kind: Invoice.Kind
    payment: Payment
    amounts: _Amounts
    lines: Sequence[dict[str, Any]]
    corrects: Invoice | None = None
    reversal: Reversal | None = None


def _to_correct(invoice: Invoice, payment: Payment) -> _Amounts:
    """What the corrections so far leave to be said; negative takes away. Tax goes back in proportion."""
    in_effect = Reversal.objects.of(payment.workspace_id).filter(payment=payment, is_in_effect=True)
    back = int(in_effect.aggregate(sum=Sum("amount_points"))["sum"] or 0)
    back = min(back, invoice.total_points)
    tax_back = policies.tax_share(
        tax_points=invoice.tax_points, total_points=invoice.total_points, back_points=back
    )
    notes = Invoice.objects.of(payment.workspace_id).filter(corrects=invoice)
    said = notes.aggregate(total=Sum("total_points"), tax=Sum("tax_points"))
    total = -back - int(said["total"] or 0)
    tax = -tax_back - int(said["tax"] or 0)
    return _Amounts(net=total - tax, tax=tax)


def _reason(kind: Invoice.Kind, reversal: Reversal, invoice: Invoice) -> str:
    word = reversal.get_kind_display()
    if kind == Kind.CREDIT_NOTE:
        return f"{word} on invoice {invoice.number}"
    return f"{word} on invoice {invoice.number} taken back"


def _lines(payment: Payment) -> Sequence[dict[str, Any]]:
    """What it paid for; one line where the lines told do not add up, since money that came in is invoiced anyway."""
    if payment.lines and sum(int(line["amount_points"]) for line in payment.lines) == (
        payment.amount_points
    ):
        return list(payment.lines)
    text = payment.get_kind_display()
    return [{"text": text, "quantity": 1, "amount_points": payment.amount_points}]


# ----------------------------------------------------------------------------------------------- seller and buyer
TEST_SLUG, _TEST_PREFIX = "test", "TEST-"


def _seller(payment: Payment) -> LegalEntity:
    # Test payments have numbers of their own: a seller that goes live starts its real ones at 1.
    if payment.is_test:
        return entity_of_tests()
    return default_entity()


def default_entity() -> LegalEntity:
    """Who sells, made from the settings when there is nobody yet."""
    entity, _ = LegalEntity.objects.get_or_create(
        is_default=True, defaults={"slug": "seller", "number_prefix": "INV-", **_from_settings()}
    )
    return entity


def entity_of_tests() -> LegalEntity:
    """Who sells in test payments: the same seller with numbers of its own."""
    entity, _ = LegalEntity.objects.get_or_create(
        slug=TEST_SLUG, defaults={"number_prefix": _TEST_PREFIX, **_from_settings()}
    )
    return entity


def _from_settings() -> dict[str, str]:
    return {
        "name": settings.SELLER_NAME[:200],
        "address": settings.SELLER_ADDRESS,
        "country": settings.SELLER_COUNTRY,
        "tax_id": settings.SELLER_TAX_ID[:50],
        "email": settings.SELLER_EMAIL[:254],
    }


def _seller_snapshot(entity: LegalEntity) -> dict[str, str]:
    names = ("name", "address", "country", "tax_id", "email", "footer")
    return {name: getattr(entity, name) for name in names}


def _buyer_snapshot(workspace_id: int) -> dict[str, str]:
    workspace = Workspace.objects.get(pk=workspace_id)
    profile = BillingProfile.objects.of(workspace_id).first() or BillingProfile()
    return {
        "name": profile.company or workspace.name,
        "workspace": workspace.name,
        "address": profile.address,
        "country": profile.country,
        "tax_id": profile.tax_id,
        "email": profile.email or _owner_email(workspace_id),
    }


def _owner_email(workspace_id: int) -> str:
    owners = Membership.objects.filter(workspace_id=workspace_id, role=Membership.Role.OWNER)
    return owners.order_by("id").values_list("user__email", flat=True).first() or ""


# -------------------------------------------------------------------------------------------------------- writing
def _write(document: _Document, *, entity: LegalEntity) -> None:
    buyer = _buyer_snapshot(document.payment.workspace_id)
    # From here to the end of the transaction nobody else gets a number of this seller.
    entity = LegalEntity.objects.select_for_update().get(pk=entity.pk)
    sequence = entity.next_number
    LegalEntity.objects.filter(pk=entity.pk).update(next_number=sequence + 1)
    Invoice.objects.create(
        workspace_id=document.payment.workspace_id,
        kind=document.kind,
        entity=entity,
        sequence=sequence,
        number=f"{entity.number_prefix}{sequence:06d}",
        payment=document.payment,
        corrects=document.corrects,
        reversal=document.reversal,
        seller=_seller_snapshot(entity),
        buyer=buyer,
        lines=document.lines,
        currency=document.payment.currency,
        net_points=document.amounts.net,
        tax_points=document.amounts.tax,
        total_points=document.amounts.total,
        paid_by=document.payment.method or document.payment.get_provider_display(),
        is_test=document.payment.is_test,
        # Not the transaction's beginning: under the lock, later numbers have later times.
        issued_at=timezone.now(),
    )
