"""Subscriptions through the official SDK: proration to the cent, what unpaid means, and what time does."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from apps.sandbox.stripe import periods
from apps.sandbox.stripe.errors import StripeError
from tests.payments.stripe_server import StripeServer

Sdk = stripe.StripeClient


@pytest.fixture
def small(sdk: Sdk) -> str:
    return price(sdk, "Small", 2000)


@pytest.fixture
def big(sdk: Sdk) -> str:
    return price(sdk, "Big", 5000)


def price(sdk: Sdk, name: str, amount: int, interval: Any = "month") -> str:
    return sdk.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": interval},
            "product_data": {"name": name},
        }
    ).id


def subscribe(sdk: Sdk, customer: str, *items: str, card: str = "pm_card_visa", **more: Any) -> Any:
    method = sdk.v1.payment_methods.attach(card, {"customer": customer}).id
    return sdk.v1.subscriptions.create(
        {
            "customer": customer,
            "default_payment_method": method,
            "items": [{"price": one} for one in items],
            "expand": ["latest_invoice.payments"],
            **more,
        }
    )


def item_of(subscription: Any) -> Any:
    return subscription["items"].data[0]


def change(sdk: Sdk, subscription: Any, price: str, **more: Any) -> Any:
    item: Any = {"id": item_of(subscription).id, "price": price}
    return sdk.v1.subscriptions.update(
        subscription.id, {"items": [item], "expand": ["latest_invoice"], **more}
    )


def half_way(server: StripeServer, subscription: Any) -> None:
    item = item_of(subscription)
    server.advance(to=(item.current_period_start + item.current_period_end) // 2)


def lines(invoice: Any) -> list[int]:
    return [line.amount for line in invoice.lines.data]


def of(server: StripeServer, *types: str) -> list[str]:
    return [event["type"] for event in server.events(*types)]


def test_subscription_starts_paid_with_todays_shapes(sdk: Sdk, customer: str, small: str):
    subscription = subscribe(sdk, customer, small, metadata={"workspace": "w"})

    invoice = subscription.latest_invoice
    assert (subscription.status, invoice.status, invoice.total) == ("active", "paid", 2000)
    assert invoice.billing_reason == "subscription_create"
    details = invoice.parent.subscription_details
    assert (details.subscription, details.metadata.to_dict()) == (
        subscription.id,
        {"workspace": "w"},
    )
    intent = invoice.payments.data[0].payment.payment_intent
    query: Any = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    found = sdk.v1.invoice_payments.list(query).data
    assert [(one.invoice, one.status, one.amount_paid) for one in found] == [
        (invoice.id, "paid", 2000)
    ]
    assert not hasattr(subscription, "current_period_end")
    assert invoice.lines.data[0].pricing.price_details.price == small


def test_upgrade_bills_the_rest_of_the_period(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, small)
    half_way(stripe_server, subscription)
    item: Any = {"id": item_of(subscription).id, "price": big}
    details: Any = {"items": [item], "proration_behavior": "always_invoice"}
    preview = sdk.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": details}
    )
    changed = change(sdk, subscription, big, proration_behavior="always_invoice")

    assert lines(preview) == lines(changed.latest_invoice) == [-1000, 2500]
    assert (changed.latest_invoice.status, changed.latest_invoice.amount_paid) == ("paid", 1500)
    assert item_of(changed).price.id == big
    assert item_of(changed).current_period_end == item_of(subscription).current_period_end
    flags = [line.parent.subscription_item_details.proration for line in preview.lines.data]
    assert flags == [True, True]


def test_proration_waits_for_the_next_invoice(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, small)
    half_way(stripe_server, subscription)
    changed = change(sdk, subscription, big, proration_behavior="create_prorations")
    assert changed.latest_invoice.id == subscription.latest_invoice.id
    preview = sdk.v1.invoices.create_preview({"subscription": subscription.id})
    stripe_server.renew(subscription.id)

    after: Any = sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert lines(after.latest_invoice) == lines(preview) == [-1000, 2500, 5000]
    assert after.latest_invoice.amount_paid == 6500
    assert (
        sdk.v1.invoice_items.list({"customer": customer}).data[0].invoice == after.latest_invoice.id
    )


def test_downgrade_without_proration_costs_and_gives_nothing(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, big)
    half_way(stripe_server, subscription)
    changed = change(sdk, subscription, small, proration_behavior="none")
    assert changed.latest_invoice.id == subscription.latest_invoice.id
    stripe_server.renew(subscription.id)
    after: Any = sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert lines(after.latest_invoice) == [2000]


def test_credit_of_a_downgrade_pays_the_next_period(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, big)
    half_way(stripe_server, subscription)
    change(sdk, subscription, small, proration_behavior="always_invoice")
    owner: Any = sdk.v1.customers.retrieve(customer)
    assert owner.balance == -1500
    stripe_server.renew(subscription.id)

    after: Any = sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = after.latest_invoice
    assert (invoice.total, invoice.starting_balance, invoice.amount_due) == (2000, -1500, 500)
    owner = sdk.v1.customers.retrieve(customer)
    assert owner.balance == 0


def test_seats_are_prorated_by_quantity(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str
):
    subscription = subscribe(sdk, customer, small)
    half_way(stripe_server, subscription)
    item: Any = {"id": item_of(subscription).id, "quantity": 3}
    changed: Any = sdk.v1.subscriptions.update(
        subscription.id,
        {"items": [item], "proration_behavior": "always_invoice", "expand": ["latest_invoice"]},
    )
    assert lines(changed.latest_invoice) == [-1000, 3000]
    assert item_of(changed).quantity == 3


def test_items_come_and_go(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, small)
    added = sdk.v1.subscription_items.create({"subscription": subscription.id, "price": big})
    sdk.v1.subscription_items.delete(item_of(subscription).id)
    found: Any = sdk.v1.subscriptions.retrieve(subscription.id)
    assert [(one.id, one.price.id) for one in found["items"].data] == [(added.id, big)]
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.subscription_items.delete(added.id)


def test_failed_upgrade_changes_nothing(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str
):
    subscription = subscribe(sdk, customer, small)
    half_way(stripe_server, subscription)
    before = stripe_server.get(subscription.id)
    stripe_server.next_charge(customer, "insufficient_funds")
    with pytest.raises(stripe.CardError) as refused:
        change(
            sdk,
            subscription,
            big,
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )

    assert refused.value.error.decline_code == "insufficient_funds"
    assert stripe_server.get(subscription.id) == before
    assert len(sdk.v1.invoices.list({"customer": customer}).data) == 1


@pytest.mark.parametrize("is_paid", [True, False])
def test_pending_upgrade_comes_with_its_payment(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, big: str, is_paid: bool
):
    subscription = subscribe(sdk, customer, small)
    stripe_server.next_charge(customer)
    changed = change(
        sdk,
        subscription,
        big,
        proration_behavior="always_invoice",
        payment_behavior="pending_if_incomplete",
    )
    invoice = changed.latest_invoice
    assert (item_of(changed).price.id, changed.status, invoice.status) == (small, "active", "open")
    assert changed.pending_update.subscription_items[0].price.id == big
    if is_paid:
        sdk.v1.invoices.pay(invoice.id)
    else:
        stripe_server.advance(days=1)

    found: Any = sdk.v1.subscriptions.retrieve(subscription.id)
    assert (item_of(found).price.id, found.pending_update) == (big if is_paid else small, None)
    assert sdk.v1.invoices.retrieve(invoice.id).status == ("paid" if is_paid else "void")
    last = "applied" if is_paid else "expired"
    assert of(stripe_server)[-1] == f"customer.subscription.pending_update_{last}"


def test_renewal_that_fails_is_retried_until_it_is_paid(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str
):
    subscription = subscribe(sdk, customer, small)
    stripe_server.next_charge(customer)
    assert stripe_server.renew(subscription.id)["status"] == "past_due"
    found: Any = sdk.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    invoice = found.latest_invoice
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt - stripe_server.world.now() in range(
        3 * 86400 - 5, 3 * 86400 + 5
    )
    stripe_server.next_charge(customer)
    stripe_server.advance(days=3.01)
    assert sdk.v1.invoices.retrieve(invoice.id).attempt_count == 2
    stripe_server.advance(days=5.01)

    paid = sdk.v1.invoices.retrieve(invoice.id)
    assert (paid.status, paid.attempt_count, paid.next_payment_attempt) == ("paid", 3, None)
    assert stripe_server.get(subscription.id)["status"] == "active"


@pytest.mark.parametrize("outcome", ["past_due", "unpaid", "canceled"])
def test_last_retry_decides(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, outcome: Any
):
    stripe_server.knobs.after_retries = outcome
    subscription = subscribe(sdk, customer, small)
    bad = sdk.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    sdk.v1.subscriptions.update(subscription.id, {"default_payment_method": bad})
    stripe_server.renew(subscription.id)
    stripe_server.advance(days=15.1)

    assert stripe_server.get(subscription.id)["status"] == outcome
    assert len(of(stripe_server, "invoice.payment_failed")) == 4


def test_renewal_that_needs_its_owner_is_healed_on_the_invoice_page(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str
):
    subscription = subscribe(sdk, customer, small)
    card = sdk.v1.payment_methods.attach(
        "pm_card_authenticationRequired", {"customer": customer}
    ).id
    sdk.v1.subscriptions.update(subscription.id, {"default_payment_method": card})
    stripe_server.renew(subscription.id)
    assert of(stripe_server, "invoice.payment_action_required", "invoice.payment_failed") == [
        "invoice.payment_action_required",
        "invoice.payment_failed",
    ]

    stripe_server.authenticate(sdk.v1.payment_intents.list().data[0].id)
    assert stripe_server.get(subscription.id)["status"] == "active"


def test_cancel_at_period_end_and_resume(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str
):
    subscription = subscribe(sdk, customer, small)
    sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    resumed = sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (resumed.cancel_at, resumed.canceled_at) == (None, None)
    stripe_server.renew(subscription.id)
    assert stripe_server.get(subscription.id)["status"] == "active"
    sdk.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    stripe_server.renew(subscription.id)

    assert stripe_server.get(subscription.id)["status"] == "canceled"
    assert of(stripe_server)[-1] == "customer.subscription.deleted"
    assert sdk.v1.subscriptions.list({"customer": customer}).data == []
    every = sdk.v1.subscriptions.list({"customer": customer, "status": "all"}).data
    assert [one.id for one in every] == [subscription.id]
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.subscriptions.cancel(subscription.id)


@pytest.mark.parametrize("card", ["pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
def test_first_invoice_unpaid_is_incomplete_and_expires(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, card: str
):
    subscription = subscribe(sdk, customer, small, card=card)
    assert (subscription.status, subscription.latest_invoice.status) == ("incomplete", "open")
    stripe_server.advance(days=1)
    assert stripe_server.get(subscription.id)["status"] == "incomplete_expired"


def test_first_invoice_unpaid_is_an_error_when_asked_for(sdk: Sdk, customer: str, small: str):
    with pytest.raises(stripe.CardError):
        subscribe(
            sdk,
            customer,
            small,
            card="pm_card_chargeCustomerFail",
            payment_behavior="error_if_incomplete",
        )
    assert sdk.v1.subscriptions.list({"customer": customer, "status": "all"}).data == []


def test_default_incomplete_is_paid_by_its_intent(sdk: Sdk, customer: str, small: str):
    subscription = subscribe(sdk, customer, small, payment_behavior="default_incomplete")
    assert subscription.status == "incomplete"
    intent = subscription.latest_invoice.payments.data[0].payment.payment_intent
    sdk.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert sdk.v1.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize("card", ["4242424242424242", "4000002760003184"])
def test_checkout_starts_a_subscription(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str, card: str
):
    stripe_server.knobs.tax_basis_points = 1000
    made = sdk.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer,
            "line_items": [{"price": small, "quantity": 2}],
            "subscription_data": {"metadata": {"workspace": "w"}},
            "automatic_tax": {"enabled": True},
            "success_url": "https://shop.test",
        }
    )
    with pytest.raises(StripeError):
        stripe_server.pay(made.id, card="4000000000000002")
    assert sdk.v1.subscriptions.list({"customer": customer, "status": "all"}).data == []
    stripe_server.pay(made.id, card=card)
    stripe_server.authenticate(sdk.v1.payment_intents.list().data[0].id)

    found: Any = sdk.v1.checkout.sessions.retrieve(
        made.id, {"expand": ["subscription.latest_invoice"]}
    )
    subscription = found.subscription
    assert (found.status, found.payment_status, found.amount_total) == ("complete", "paid", 4400)
    assert (subscription.status, subscription.metadata.to_dict()) == ("active", {"workspace": "w"})
    invoice = subscription.latest_invoice
    assert (found.invoice, invoice.total, invoice.total_excluding_tax) == (invoice.id, 4400, 4000)
    assert [tax.amount for tax in invoice.total_taxes] == [400]
    # The card that paid is the one that renews it, and the tax is there again.
    stripe_server.next_charge(customer, "")
    stripe_server.renew(subscription.id)
    renewed = sdk.v1.invoices.list({"subscription": subscription.id}).data[0]
    assert (renewed.status, renewed.amount_paid) == ("paid", 4400)


def test_yearly_change_starts_a_new_period(
    stripe_server: StripeServer, sdk: Sdk, customer: str, small: str
):
    yearly = price(sdk, "Yearly", 20000, "year")
    subscription = subscribe(sdk, customer, small)
    half_way(stripe_server, subscription)
    changed = change(sdk, subscription, yearly)

    assert lines(changed.latest_invoice) == [-1000, 20000]
    item = item_of(changed)
    assert item.current_period_end - item.current_period_start in (365 * 86400, 366 * 86400)


def test_hand_made_invoice_is_paid_voided_or_given_up(sdk: Sdk, customer: str):
    def invoice() -> stripe.Invoice:
        sdk.v1.invoice_items.create({"customer": customer, "amount": 700, "description": "Work"})
        made = sdk.v1.invoices.create(
            {"customer": customer, "pending_invoice_items_behavior": "include"}
        )
        return sdk.v1.invoices.finalize_invoice(made.id)

    card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    paid = sdk.v1.invoices.pay(invoice().id, {"payment_method": card})
    assert (paid.status, paid.amount_paid) == ("paid", 700)
    void = sdk.v1.invoices.void_invoice(invoice().id)
    assert (void.status, sdk.v1.payment_intents.list().data[0].status) == ("void", "canceled")
    assert sdk.v1.invoices.mark_uncollectible(invoice().id).status == "uncollectible"
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.invoices.pay(paid.id)


def test_months_keep_the_day_or_take_the_last_one():
    monthly = {"interval": "month", "interval_count": 1}
    anchor = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    ends, at = [], anchor
    for _ in range(4):
        at = periods.end_of(at, anchor, monthly)
        ends.append(datetime.fromtimestamp(at, tz=UTC).strftime("%m-%d %H"))
    assert ends == ["02-28 12", "03-31 12", "04-30 12", "05-31 12"]


@given(
    amount=st.integers(0, 10**8),
    whole=st.integers(1, 366 * 86400),
    data=st.data(),
)
def test_shares_add_up_to_a_cent(amount: int, whole: int, data: st.DataObject):
    left = data.draw(st.integers(0, whole))
    rest = periods.share(amount, left=left, whole=whole)
    used = periods.share(amount, left=whole - left, whole=whole)
    assert 0 <= rest <= amount
    assert rest + used in (amount, amount + 1)
