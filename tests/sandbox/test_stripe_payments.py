"""Payments through the official SDK: Checkout, cards and their refusals, refunds, disputes, the balance."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from apps.sandbox.stripe.errors import StripeError
from tests.payments.stripe_server import StripeServer

DECLINED, NO_FUNDS, EXPIRED = "4000000000000002", "4000000000009995", "4000000000000069"
ASKS_ONCE, ASKS_ALWAYS = "4000002500003155", "4000002760003184"
SAVED_THEN_DECLINED, DISPUTED = "4000000000000341", "4000000000000259"
REFUND_FAILS, REFUND_WAITS = "4000000000005126", "4000000000007726"
BANK, BANK_FAILS = "000123456789", "000222222227"


def session(sdk: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    return sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 2000,
                        "product_data": {"name": "Credits"},
                    },
                    "quantity": 1,
                }
            ],
            "success_url": "https://shop.test/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.test/left",
            **more,
        }
    )


def types(server: StripeServer) -> list[str]:
    return [event["type"] for event in server.events()]


def paid_intent(sdk: stripe.StripeClient, card: str = "pm_card_visa", amount: int = 1000) -> str:
    return sdk.v1.payment_intents.create(
        {"amount": amount, "currency": "usd", "payment_method": card, "confirm": True}
    ).id


def test_checkout_pays_saves_the_card_and_tells(
    stripe_server: StripeServer, sdk: stripe.StripeClient, customer: str
):
    made = session(
        sdk,
        customer=customer,
        client_reference_id="topup-1",
        metadata={"topup": "1"},
        payment_intent_data={"setup_future_usage": "off_session", "metadata": {"topup": "1"}},
    )
    assert (made.status, made.payment_status, made.payment_intent) == ("open", "unpaid", None)
    stripe_server.pay(made.id)

    found = sdk.v1.checkout.sessions.retrieve(
        made.id, {"expand": ["payment_intent.latest_charge", "line_items"]}
    )
    intent: Any = found.payment_intent
    assert (found.status, found.payment_status, found.amount_total) == ("complete", "paid", 2000)
    assert (found.client_reference_id, found.customer, found.url) == ("topup-1", customer, None)
    assert (intent.status, intent.amount_received, intent.metadata.to_dict()) == (
        "succeeded",
        2000,
        {"topup": "1"},
    )
    card = intent.latest_charge.payment_method_details.card
    assert (card.brand, card.last4) == ("visa", "4242")
    saved = sdk.v1.payment_methods.list({"customer": customer}).data
    assert [(one.id, one.card.fingerprint) for one in saved] == [
        (intent.payment_method, card.fingerprint)
    ]
    assert types(stripe_server)[-4:] == [
        "payment_method.attached",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize(
    ("card", "code", "reason"),
    [
        (DECLINED, "card_declined", "generic_decline"),
        (NO_FUNDS, "card_declined", "insufficient_funds"),
        (EXPIRED, "expired_card", None),
        (SAVED_THEN_DECLINED, "card_declined", "generic_decline"),
    ],
)
def test_declined_checkout_stays_open_and_can_be_paid(
    stripe_server: StripeServer, sdk: stripe.StripeClient, card: str, code: str, reason: str | None
):
    made = session(sdk)
    with pytest.raises(StripeError) as refused:
        stripe_server.pay(made.id, card=card)

    assert (refused.value.error["code"], refused.value.error.get("decline_code")) == (code, reason)
    assert sdk.v1.checkout.sessions.retrieve(made.id).status == "open"
    assert types(stripe_server)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    stripe_server.pay(made.id)
    found: Any = sdk.v1.checkout.sessions.retrieve(made.id, {"expand": ["payment_intent"]})
    charges = sdk.v1.charges.list({"payment_intent": found.payment_intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize("passes", [True, False])
def test_three_d_secure_decides(
    stripe_server: StripeServer, sdk: stripe.StripeClient, passes: bool
):
    made = session(sdk)
    stripe_server.pay(made.id, card=ASKS_ALWAYS)
    intent: Any = sdk.v1.payment_intents.list().data[0]
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url.endswith(f"/3ds/{intent.id}")

    stripe_server.authenticate(intent.id, passes=passes)
    after = sdk.v1.payment_intents.retrieve(intent.id)
    assert after.status == ("succeeded" if passes else "requires_payment_method")
    status = sdk.v1.checkout.sessions.retrieve(made.id).status
    assert status == ("complete" if passes else "open")


@pytest.mark.parametrize(("card", "asks"), [(ASKS_ONCE, False), (ASKS_ALWAYS, True)])
def test_saved_card_away_from_its_owner(
    stripe_server: StripeServer, sdk: stripe.StripeClient, customer: str, card: str, asks: bool
):
    made = session(
        sdk, customer=customer, payment_intent_data={"setup_future_usage": "off_session"}
    )
    stripe_server.pay(made.id, card=card)
    stripe_server.authenticate(sdk.v1.payment_intents.list().data[0].id)
    method = sdk.v1.payment_methods.list({"customer": customer}).data[0].id

    def charge() -> stripe.PaymentIntent:
        return sdk.v1.payment_intents.create(
            {
                "amount": 500,
                "currency": "usd",
                "customer": customer,
                "payment_method": method,
                "off_session": True,
                "confirm": True,
            }
        )

    if not asks:
        assert charge().status == "succeeded"
        return
    with pytest.raises(stripe.CardError) as refused:
        charge()
    error: Any = refused.value.error
    assert (error.code, error.decline_code) == (
        "authentication_required",
        "authentication_required",
    )
    assert error.payment_intent.status == "requires_payment_method"
    assert sdk.v1.payment_intents.retrieve(error.payment_intent.id).last_payment_error is not None


def test_setup_saves_a_card_for_later(
    stripe_server: StripeServer, sdk: stripe.StripeClient, customer: str
):
    made = sdk.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer, "currency": "usd", "success_url": "https://a.test"}
    )
    stripe_server.pay(made.id, card=ASKS_ONCE)
    stripe_server.authenticate(str(sdk.v1.setup_intents.list().data[0].id))

    found: Any = sdk.v1.checkout.sessions.retrieve(made.id, {"expand": ["setup_intent"]})
    assert (found.status, found.payment_status) == ("complete", "no_payment_required")
    assert found.setup_intent.status == "succeeded"
    paid = sdk.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "usd",
            "customer": customer,
            "payment_method": found.setup_intent.payment_method,
            "off_session": True,
            "confirm": True,
        }
    )
    assert paid.status == "succeeded"


def test_detached_card_is_gone_for_good(sdk: stripe.StripeClient, customer: str):
    method = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    settings: Any = {"invoice_settings": {"default_payment_method": method}}
    sdk.v1.customers.update(customer, settings)
    sdk.v1.payment_methods.detach(method)

    found: Any = sdk.v1.customers.retrieve(customer)
    assert found.invoice_settings.default_payment_method is None
    assert sdk.v1.payment_methods.list({"customer": customer}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.payment_methods.attach(method, {"customer": customer})


@pytest.mark.parametrize(("account", "status"), [(BANK, "paid"), (BANK_FAILS, "unpaid")])
def test_debit_ends_days_later(
    stripe_server: StripeServer, sdk: stripe.StripeClient, account: str, status: str
):
    made = session(sdk)
    stripe_server.pay(made.id, card=account)
    found = sdk.v1.checkout.sessions.retrieve(made.id)
    assert (found.status, found.payment_status) == ("complete", "unpaid")

    stripe_server.run_timers()
    assert sdk.v1.checkout.sessions.retrieve(made.id).payment_status == status
    outcome = "succeeded" if status == "paid" else "failed"
    assert types(stripe_server)[-1] == f"checkout.session.async_payment_{outcome}"


def test_expired_checkout_cannot_be_paid(stripe_server: StripeServer, sdk: stripe.StripeClient):
    made = session(sdk, expires_at=int(time.time()) + 3600)
    stripe_server.pay(made.id, card=ASKS_ALWAYS)
    sdk.v1.checkout.sessions.expire(made.id)

    with pytest.raises(StripeError, match="expired"):
        stripe_server.pay(made.id)
    with pytest.raises(stripe.InvalidRequestError):
        sdk.v1.checkout.sessions.expire(made.id)
    assert sdk.v1.payment_intents.list().data[0].status == "canceled"
    assert types(stripe_server)[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


def test_session_is_paid_once_by_two_at_once(stripe_server: StripeServer, sdk: stripe.StripeClient):
    made = session(sdk)
    ready = threading.Barrier(2)

    def pay(_: int) -> str:
        ready.wait(5)
        try:
            return str(stripe_server.pay(made.id)["payment_status"])
        except StripeError as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(pay, range(2))) == ["This Checkout Session is complete.", "paid"]
    assert [one.amount_received for one in sdk.v1.payment_intents.list().data] == [2000]


def test_tax_comes_on_top(stripe_server: StripeServer, sdk: stripe.StripeClient):
    stripe_server.knobs.tax_basis_points = 1925
    made: Any = session(sdk, automatic_tax={"enabled": True})

    assert (made.amount_subtotal, made.amount_total) == (2000, 2385)
    assert made.total_details.amount_tax == 385
    stripe_server.pay(made.id)
    assert sdk.v1.payment_intents.list().data[0].amount_received == 2385


def test_refunds_up_to_what_was_paid(stripe_server: StripeServer, sdk: stripe.StripeClient):
    intent = paid_intent(sdk)
    sdk.v1.refunds.create({"payment_intent": intent, "amount": 300})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        sdk.v1.refunds.create({"payment_intent": intent, "amount": 701})
    sdk.v1.refunds.create({"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.refunds.create({"payment_intent": intent})

    assert refused.value.code == "charge_already_refunded"
    amounts = [one.amount for one in sdk.v1.refunds.list({"payment_intent": intent}).data]
    assert amounts == [700, 300]
    charge = sdk.v1.charges.list({"payment_intent": intent}).data[0]
    assert (charge.amount_refunded, charge.refunded) == (1000, True)


@pytest.mark.parametrize(
    ("card", "before", "after", "refunded"),
    [
        ("pm_card_refundFail", "succeeded", "failed", 0),
        ("pm_card_pendingRefund", "pending", "succeeded", 1000),
    ],
)
def test_refund_ends_later(
    stripe_server: StripeServer,
    sdk: stripe.StripeClient,
    card: str,
    before: str,
    after: str,
    refunded: int,
):
    refund = sdk.v1.refunds.create({"payment_intent": paid_intent(sdk, card)})
    assert refund.status == before
    stripe_server.run_timers()

    assert sdk.v1.refunds.retrieve(refund.id).status == after
    assert sdk.v1.charges.list().data[0].amount_refunded == refunded
    assert ("refund.failed" in types(stripe_server)) == (after == "failed")


@pytest.mark.parametrize(
    ("outcome", "lines"), [("won", [1000, -1000, 1000]), ("lost", [-1000, 1000])]
)
def test_dispute_takes_the_money_until_it_is_won(
    stripe_server: StripeServer, sdk: stripe.StripeClient, outcome: Any, lines: list[int]
):
    intent = paid_intent(sdk)
    dispute = stripe_server.dispute(intent)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_disputed"

    stripe_server.decide(dispute["id"], outcome)
    found = sdk.v1.disputes.list({"payment_intent": intent}).data[0]
    assert (found.status, len(found.balance_transactions)) == (outcome, len(lines) - 1)
    assert [line.amount for line in sdk.v1.balance_transactions.list().data] == lines
    expected = ["created", "funds_withdrawn", "closed"]
    expected += ["funds_reinstated"] if outcome == "won" else []
    assert types(stripe_server)[-len(expected) :] == [f"charge.dispute.{one}" for one in expected]


def test_inquiry_takes_nothing(stripe_server: StripeServer, sdk: stripe.StripeClient):
    dispute = stripe_server.dispute(paid_intent(sdk), is_warning=True)

    assert dispute["status"] == "warning_needs_response"
    assert [line.type for line in sdk.v1.balance_transactions.list().data] == ["charge"]
    assert stripe_server.decide(dispute["id"], "won")["status"] == "warning_closed"
    assert sdk.v1.charges.list().data[0].disputed is False


def test_card_that_is_disputed_at_once(stripe_server: StripeServer, sdk: stripe.StripeClient):
    stripe_server.pay(session(sdk).id, card=DISPUTED)

    found = sdk.v1.disputes.list().data[0]
    assert (found.status, found.reason, found.amount) == ("needs_response", "fraudulent", 2000)
    assert sdk.v1.charges.list().data[0].disputed is True


def test_balance_is_the_sum_of_its_lines(stripe_server: StripeServer, sdk: stripe.StripeClient):
    first, second = paid_intent(sdk), paid_intent(sdk, amount=5000)
    sdk.v1.refunds.create({"payment_intent": first, "amount": 400})
    stripe_server.dispute(second)

    lines = list(sdk.v1.balance_transactions.list().auto_paging_iter())
    # 2.9 % and 30 cents of each charge; 15 dollars for the dispute.
    assert [(line.type, line.amount, line.fee) for line in lines] == [
        ("adjustment", -5000, 1500),
        ("refund", -400, 0),
        ("charge", 5000, 175),
        ("charge", 1000, 59),
    ]
    assert sdk.v1.balance.retrieve().pending[0].amount == sum(line.net for line in lines)
