"""What we rely on at Stripe, asked of the stand-in and, where a key is given, of Stripe's own test mode.

    STRIPE_TEST_KEY=sk_test_… ./run test tests/payments/test_contract.py --force-enable-socket

Without the key the second half is skipped, which is not the same as passed.
"""

import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.billing.gateways import stripe as gateway
from apps.billing.gateways import stripe_subscriptions as subscriptions

USD = 10_000_000
_PATIENCE_SECONDS = 30


@pytest.fixture(params=["stand-in", "stripe"])
def account(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Whom the gateway talks to."""
    if request.param == "stand-in":
        request.getfixturevalue("cards")
        return str(request.param)
    key = os.environ.get("STRIPE_TEST_KEY", "")
    if not key.startswith(("sk_test_", "rk_test_")):
        pytest.skip("not run: set STRIPE_TEST_KEY=sk_test_… to ask Stripe itself")
    settings.STRIPE_SECRET_KEY = key
    settings.STRIPE_API_BASE = "https://api.stripe.com"
    return str(request.param)


@pytest.fixture
def customer(account: str) -> str:
    return gateway.make_customer(
        name="Contract", email="contract@example.com", workspace_id=1, idempotency_key=_new()
    )


def _new() -> str:
    return uuid.uuid4().hex


def _charge(
    customer: str, *, method: str = "pm_card_visa", cents: int = 2_000, key: str = ""
) -> str:
    """A PaymentIntent that was confirmed without its owner; its ref."""
    params: Any = {
        "amount": cents,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "metadata": {"top_up": "contract"},
    }
    with gateway.calling():
        made = gateway.client().v1.payment_intents.create(params, gateway.key(key or _new()))
    return str(made.id)


def test_same_idempotency_key_is_the_same_customer(account: str):
    key = _new()

    made = {
        gateway.make_customer(name="A", email="", workspace_id=1, idempotency_key=key)
        for _ in range(2)
    }

    assert len(made) == 1


def test_same_key_with_another_sum_is_refused(customer: str):
    key = _new()
    _charge(customer, key=key)

    with pytest.raises(gateway.Refused):
        _charge(customer, key=key, cents=3_000)


def test_payment_page_says_what_we_asked_for(customer: str):
    reference = str(uuid.uuid4())
    asked = gateway.Checkout(
        customer=customer,
        reference=reference,
        amount_points=20 * USD,
        text="Contract credits",
        success_url="https://example.com/done",
        cancel_url="https://example.com/left",
        expires_at=(datetime.now(UTC) + timedelta(minutes=60)).replace(microsecond=0),
        saves_card=True,
        with_tax=False,
    )

    made = gateway.make_checkout(asked, idempotency_key=_new())
    seen = gateway.session(made.ref)

    assert (seen.status, seen.payment_status, seen.is_paid) == ("open", "unpaid", False)
    assert (seen.total_points, seen.tax_points, seen.currency) == (20 * USD, 0, "usd")
    assert (seen.customer, seen.reference, seen.metadata["top_up"]) == (
        customer,
        reference,
        reference,
    )
    assert seen.url.startswith("http")
    assert seen.expires_at == asked.expires_at
    assert gateway.session_about(customer=customer, reference=reference) is not None
    gateway.expire_checkout(made.ref)
    assert gateway.session(made.ref).status == "expired"


def test_card_payment_has_card_fingerprint_and_time(customer: str):
    paid = gateway.payment(_charge(customer))

    assert (paid.is_paid, paid.total_points, paid.currency) == (True, 20 * USD, "usd")
    assert (paid.customer, paid.metadata["top_up"], paid.is_live) == (customer, "contract", False)
    assert paid.card is not None
    assert (paid.card.brand, paid.card.last4) == ("visa", "4242")
    assert paid.card.fingerprint
    assert abs(paid.paid_at.timestamp() - time.time()) < 600


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("pm_card_visa_chargeDeclined", gateway.Declined),
        ("pm_card_authenticationRequired", gateway.NeedsAuthentication),
    ],
)
def test_card_that_does_not_pay_says_why(
    customer: str, method: str, error: type[gateway.StripeError]
):
    with pytest.raises(error) as refused:
        _charge(customer, method=method)

    assert refused.value.ref.startswith("pi_")


def test_refund_is_listed_with_its_sum_and_cannot_exceed_it(customer: str):
    ref = _charge(customer)

    made = gateway.make_refund(
        payment_ref=ref, points=5 * USD, metadata={"refund_request": "x"}, idempotency_key=_new()
    )

    [seen] = gateway.refunds(payment_ref=ref)
    assert (seen.ref, seen.points, seen.is_in_effect) == (made.ref, 5 * USD, True)
    with pytest.raises(gateway.Refused):
        gateway.make_refund(payment_ref=ref, points=16 * USD, metadata={}, idempotency_key=_new())


def test_dispute_takes_the_money_away(customer: str):
    ref = _charge(customer, method="pm_card_createDispute")

    until = time.monotonic() + _PATIENCE_SECONDS
    while not (found := list(gateway.disputes(payment_ref=ref))):
        assert time.monotonic() < until, "no dispute was opened"

    assert [(one.points, one.is_in_effect) for one in found] == [(20 * USD, True)]


def test_events_name_their_objects(customer: str):
    ref = _charge(customer)

    events = list(gateway.events(since=datetime.now(UTC) - timedelta(minutes=10)))

    assert ("payment_intent.succeeded", ref) in [(one.kind, one.object_ref) for one in events]


def test_subscription_has_its_period_and_paid_invoice(customer: str):
    name = f"contract:{_new()}"
    price = subscriptions.make_price(
        name=name, text="Contract plan", points=15 * USD, idempotency_key=_new()
    )
    assert subscriptions.find_price(name=name) == (price, 15 * USD)
    with gateway.calling():
        method = gateway.client().v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        made = gateway.client().v1.subscriptions.create(
            {
                "customer": customer,
                "items": [{"price": price}],
                "default_payment_method": method.id,
            }
        )

    facts = subscriptions.subscription(made.id)

    assert (facts.status, facts.customer) == ("active", customer)
    assert [(item.price, item.quantity) for item in facts.items] == [(price, 1)]
    assert made.latest_invoice
    invoice = subscriptions.invoice(gateway.ref_of(made.latest_invoice))
    assert [line.points for line in invoice.lines] == [15 * USD]
    subscriptions.cancel(made.id, idempotency_key=_new())
    assert subscriptions.subscription(made.id).status == "canceled"
