"""Workspaces as Stripe's customers: one each, with the card that may be charged while nobody is there."""

import hashlib

from django.db import transaction

from apps.accounts.models import Workspace
from apps.billing import selectors
from apps.billing.gateways import stripe as gateway
from apps.billing.models import PaymentCustomer
from apps.billing.services.auto_topup import stopping
from apps.core.sentences import sentence


def ref(*, workspace_id: int) -> str:
    """The workspace's customer, made at Stripe now if there is none. Safe to repeat and to do at once."""
    known = PaymentCustomer.objects.of(workspace_id).first()
    if known is not None:
        return known.ref
    workspace = Workspace.objects.get(pk=workspace_id)
    email = next(iter(selectors.recipients(workspace_id=workspace_id)), "")
    made = gateway.make_customer(
        name=workspace.name,
        email=email,
        workspace_id=workspace_id,
        idempotency_key=_key(workspace, email),
    )
    row, _ = PaymentCustomer.objects.across_workspaces().get_or_create(
        workspace_id=workspace_id, defaults={"ref": made}
    )
    return row.ref


def forget(*, workspace_id: int, ref: str) -> None:
    """Stripe does not know this customer: the key is another account's now. The next payment makes a new one.

    Its card is gone with it, so nothing is charged by itself any more.
    """
    with transaction.atomic():
        if PaymentCustomer.objects.of(workspace_id).filter(ref=ref).delete()[0]:
            row = stopping.locked(workspace_id=workspace_id)
            stopping.stop(
                row=row, reason=sentence("The payment provider no longer knows the saved card.")
            )


def remember_card(*, workspace_id: int, customer: str, card: gateway.Card) -> None:
    """Keep the card that its owner let us charge again; the newest counts."""
    PaymentCustomer.objects.of(workspace_id).filter(ref=customer).update(
        card_ref=card.ref,
        card_brand=card.brand,
        card_last4=card.last4,
        card_exp_month=card.exp_month,
        card_exp_year=card.exp_year,
    )


def _key(workspace: Workspace, email: str) -> str:
    # Ids begin anew in every installation; moments do not. And what was asked with other words is another question.
    facts = f"{workspace.pk} {workspace.created_at.isoformat()} {workspace.name} {email}"
    return f"customer:{hashlib.sha256(facts.encode()).hexdigest()[:40]}"
