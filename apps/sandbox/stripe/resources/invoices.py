"""Invoices: from draft to paid, void or uncollectible."""

from collections.abc import Callable
from dataclasses import dataclass

from apps.sandbox.stripe import taxes
from apps.sandbox.stripe.errors import Thing, wrong_state
from apps.sandbox.stripe.resources import intents, lines
from apps.sandbox.stripe.resources.lines import Line
from apps.sandbox.stripe.world import World

# Subscriptions follow their invoices.
ON_PAID: list[Callable[[World, Thing], None]] = []
ON_VOID: list[Callable[[World, Thing], None]] = []


@dataclass(frozen=True, slots=True)
class Bill:
    """What an invoice is for."""

    customer: str
    lines: list[Line]
    reason: str
    start: int
    end: int
    taxed: bool = False
    subscription: Thing | None = None
    description: str | None = None
    metadata: Thing | None = None


def draft(world: World, bill: Bill) -> Thing:
    """A stored invoice that can still change."""
    invoice = world.store.put(shape(world, bill, world.new_id("in_")))
    lines.take(world, bill.lines, invoice["id"])
    world.emit("invoice.created", invoice)
    return invoice


def shape(world: World, bill: Bill, name: str) -> Thing:
    """The object without storing it, as a preview needs it."""
    on_it = lines.on_invoice(world, bill.lines, name, taxed=bill.taxed)
    subtotal = sum(line["amount"] for line in on_it["data"])
    tax = sum(one["amount"] for line in on_it["data"] for one in line["taxes"])
    subscription = bill.subscription
    owner = world.must("customer", bill.customer)
    return {
        "id": name,
        "object": "invoice",
        "created": world.now(),
        "livemode": False,
        "account_country": "US",
        "account_name": "Sandbox",
        "account_tax_ids": None,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "enabled": bill.taxed,
            "disabled_reason": None,
            "liability": {"type": "self"} if bill.taxed else None,
            "provider": None,
            "status": "complete" if bill.taxed else None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": bill.reason,
        "collection_method": "charge_automatically",
        "currency": "usd",
        "custom_fields": None,
        "customer": bill.customer,
        "customer_address": owner["address"],
        "customer_email": owner["email"],
        "customer_name": owner["name"],
        "customer_phone": owner["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": bill.description,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": on_it,
        "metadata": bill.metadata or {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": _parent(subscription),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": bill.end,
        "period_start": bill.start,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": owner["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "test_clock": None,
        "total": subtotal + tax,
        "total_discount_amounts": [],
        "total_excluding_tax": subtotal,
        "total_pretax_credit_amounts": [],
        "total_taxes": taxes.shown(tax, subtotal) if bill.taxed else [],
        "webhooks_delivered_at": None,
        "_subscription": subscription["id"] if subscription else None,
        "_intent": None,
        **_due(subtotal + tax, owner["balance"]),
    }


def _parent(subscription: Thing | None) -> Thing | None:
    if subscription is None:
        return None
    details = {
        "subscription": subscription["id"],
        "metadata": dict(subscription["metadata"]),
        "subscription_proration_date": None,
    }
    return {"type": "subscription_details", "subscription_details": details, "quote_details": None}


def _due(total: int, balance: int) -> Thing:
    """The customer's balance is counted in: credit is negative. A sum too small for a card waits there."""
    owed = total + balance if total > 0 else total
    due = owed if owed >= intents.MIN_AMOUNT else 0
    return {"amount_due": due, "amount_remaining": due}


def finalize(world: World, invoice: Thing) -> Thing:
    """Open from now on, with a PaymentIntent for what is due; paid at once when nothing is."""
    if invoice["status"] != "draft":
        raise wrong_state("invoice_not_editable", "This invoice is already finalized.")
    customer = world.must("customer", invoice["customer"])
    invoice.update(
        starting_balance=customer["balance"], **_due(invoice["total"], customer["balance"])
    )
    # What no card pays goes to the balance, or comes from it.
    ending = invoice["starting_balance"] + invoice["total"] - invoice["amount_due"]
    if ending != customer["balance"]:
        world.save(customer, balance=ending)
        world.emit("customer.updated", customer)
    number = customer["next_invoice_sequence"]
    world.save(customer, next_invoice_sequence=number + 1)
    now = world.now()
    invoice["status_transitions"]["finalized_at"] = now
    world.save(
        invoice,
        status="open",
        number=f"{customer['invoice_prefix']}-{number:04d}",
        effective_at=now,
        ending_balance=ending,
        hosted_invoice_url=f"{world.public_url}/invoices/{invoice['id']}",
        invoice_pdf=f"{world.public_url}/invoices/{invoice['id']}",
    )
    if invoice["amount_due"]:
        _open_payment(world, invoice)
    world.emit("invoice.finalized", invoice)
    if not invoice["amount_due"]:
        mark_paid(world, invoice)
    return invoice


def _open_payment(world: World, invoice: Thing) -> None:
    intent = intents.new(
        world,
        amount=invoice["amount_due"],
        currency="usd",
        customer=invoice["customer"],
        description=invoice["description"] or "Subscription",
        _return_url=invoice["hosted_invoice_url"],
        setup_future_usage="off_session" if invoice["_subscription"] else None,
        _invoice=invoice["id"],
    )
    world.save(invoice, _intent=intent["id"])
    world.new(
        "invoice_payment",
        "inpay_",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency="usd",
        invoice=invoice["id"],
        is_default=True,
        status="open",
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status_transitions={"canceled_at": None, "paid_at": None},
    )


def mark_paid(world: World, invoice: Thing, *, out_of_band: bool = False) -> Thing:
    """Paid: by its intent, from the balance, or outside of Stripe."""
    due, now = invoice["amount_due"], world.now()
    invoice["status_transitions"]["paid_at"] = now
    world.save(
        invoice,
        status="paid",
        attempted=True,
        next_payment_attempt=None,
        amount_paid=due,
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + (1 if due and not out_of_band else 0),
    )
    _end_payments(world, invoice, "canceled" if out_of_band else "paid")
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)
    for listener in ON_PAID:
        listener(world, invoice)
    return invoice


def void(world: World, invoice: Thing) -> Thing:
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state(
            "invoice_not_editable",
            f"You can only void open invoices; this one is {invoice['status']}.",
        )
    invoice["status_transitions"]["voided_at"] = world.now()
    world.save(invoice, status="void", next_payment_attempt=None)
    _cancel_intent(world, invoice)
    world.emit("invoice.voided", invoice)
    for listener in ON_VOID:
        listener(world, invoice)
    return invoice


def give_up(world: World, invoice: Thing) -> Thing:
    """Uncollectible; it can still be paid."""
    if invoice["status"] != "open":
        raise wrong_state(
            "invoice_not_editable", "Only open invoices can be marked as uncollectible."
        )
    invoice["status_transitions"]["marked_uncollectible_at"] = world.now()
    world.save(invoice, status="uncollectible", next_payment_attempt=None)
    world.emit("invoice.marked_uncollectible", invoice)
    return invoice


def intent_of(world: World, invoice: Thing) -> Thing | None:
    return world.store.get(invoice["_intent"] or "", "payment_intent")


def _cancel_intent(world: World, invoice: Thing) -> None:
    intent = intent_of(world, invoice)
    if intent is not None and intent["status"] not in ("succeeded", "canceled", "processing"):
        intents.void(world, intent, reason="void_invoice")
    _end_payments(world, invoice, "canceled")


def _end_payments(world: World, invoice: Thing, status: str) -> None:
    for payment in world.store.every("invoice_payment", invoice=invoice["id"], status="open"):
        at = "paid_at" if status == "paid" else "canceled_at"
        payment["status_transitions"][at] = world.now()
        paid = invoice["amount_due"] if status == "paid" else None
        world.save(payment, status=status, amount_paid=paid)
