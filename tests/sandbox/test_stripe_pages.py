"""The pages without a browser: what a form does, what is refused, and that nothing is let in unescaped."""

import re
from typing import Any

import httpx
import pytest
import stripe

from tests.payments.stripe_server import StripeServer

ASKS_ALWAYS = "4000002760003184"


@pytest.fixture
def web(stripe_server: StripeServer) -> Any:
    with httpx.Client(follow_redirects=True) as client:
        yield client


def session(
    sdk: stripe.StripeClient, name: str = "Credits", **more: Any
) -> stripe.checkout.Session:
    data: Any = {"currency": "usd", "unit_amount": 2000, "product_data": {"name": name}}
    return sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": data, "quantity": 1}],
            "success_url": "https://shop.test/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.test/left",
            **more,
        }
    )


def subscription(sdk: stripe.StripeClient, customer: str) -> Any:
    card = sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    price = sdk.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 2000,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Plan"},
        }
    ).id
    return sdk.v1.subscriptions.create(
        {"customer": customer, "default_payment_method": card, "items": [{"price": price}]}
    )


def test_checkout_page_says_it_is_a_test_and_lets_nothing_in(
    sdk: stripe.StripeClient, web: httpx.Client
):
    page = web.get(str(session(sdk, "<script>alert(1)</script>").url))

    assert page.status_code == 200
    assert "Test payments: no money moves" in page.text
    assert "<script" not in page.text
    assert "1 × &lt;script&gt;" in page.text
    assert page.headers["content-security-policy"].startswith(
        "default-src 'none'; style-src 'self';"
    )
    style = re.search(r'href="([^"]+\.css)"', page.text)
    assert style is not None
    assert web.get(str(page.url.join(style[1]))).headers["content-type"].startswith("text/css")


def test_checkout_page_declines_asks_and_goes_back(
    stripe_server: StripeServer, sdk: stripe.StripeClient, web: httpx.Client
):
    made = session(sdk)
    url = str(made.url)
    declined = web.post(url, data={"number": "4000 0000 0000 9995"})
    assert (declined.status_code, "insufficient funds" in declined.text) == (402, True)
    nonsense = web.post(url, data={"number": "1234"})
    assert (nonsense.status_code, "number is incorrect" in nonsense.text) == (402, True)
    bank = web.post(url, data={"number": ASKS_ALWAYS})
    assert bank.url.path.endswith(f"/3ds/{sdk.v1.payment_intents.list().data[0].id}")
    refused = web.post(str(bank.url), data={"answer": "fail"})
    assert "unable to authenticate" in refused.text
    web.post(url, data={"number": ASKS_ALWAYS})
    done = web.post(str(bank.url), data={"answer": "complete"})

    assert f'content="0;url=https://shop.test/done?s={made.id}"' in done.text
    assert sdk.v1.checkout.sessions.retrieve(made.id).payment_status == "paid"
    again = web.post(url, data={"number": "4242424242424242"})
    assert "Thank you" in again.text
    assert len(sdk.v1.payment_intents.list().data) == 1


def test_card_is_saved_when_its_owner_says_so(
    sdk: stripe.StripeClient, web: httpx.Client, customer: str
):
    made = session(
        sdk, customer=customer, saved_payment_method_options={"payment_method_save": "enabled"}
    )
    assert "Save this card" in web.get(str(made.url)).text
    web.post(str(made.url), data={"number": "4242424242424242", "saves": "on"})
    assert len(sdk.v1.payment_methods.list({"customer": customer}).data) == 1


@pytest.mark.parametrize(
    "path", ["/pay/cs_x", "/3ds/pi_x", "/portal/bps_x", "/invoices/in_x", "/receipts/ch_x"]
)
def test_unknown_pages_are_404(stripe_server: StripeServer, web: httpx.Client, path: str):
    assert web.get(stripe_server.url + path).status_code == 404


def test_form_of_another_site_is_refused(sdk: stripe.StripeClient, web: httpx.Client):
    made = session(sdk)
    answer = web.post(
        str(made.url), data={"number": "4242424242424242"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert (answer.status_code, sdk.v1.checkout.sessions.retrieve(made.id).status) == (400, "open")


def test_portal_changes_only_its_own_customer(
    sdk: stripe.StripeClient, web: httpx.Client, customer: str
):
    mine = subscription(sdk, customer)
    neighbour = sdk.v1.customers.create({"email": "eve@example.com"}).id
    theirs = subscription(sdk, neighbour)
    url = sdk.v1.billing_portal.sessions.create(
        {"customer": customer, "return_url": "https://shop.test"}
    ).url
    web.post(url, data={"what": "add", "number": "5555555555554444"})
    added = sdk.v1.payment_methods.list({"customer": customer}).data[0]
    web.post(url, data={"what": "default", "object": added.id})
    web.post(url, data={"what": "cancel", "object": mine.id})
    for name in (theirs.id, theirs.default_payment_method):
        for what in ("cancel", "remove", "default"):
            web.post(url, data={"what": what, "object": name})

    found = sdk.v1.subscriptions.retrieve(mine.id)
    assert (found.default_payment_method, found.cancel_at_period_end) == (added.id, True)
    untouched = sdk.v1.subscriptions.retrieve(theirs.id)
    assert untouched == theirs
    assert len(sdk.v1.payment_methods.list({"customer": neighbour}).data) == 1
    assert "eve@example.com" not in web.get(url).text


def test_invoice_page_heals_a_failed_renewal(
    stripe_server: StripeServer, sdk: stripe.StripeClient, web: httpx.Client, customer: str
):
    made = subscription(sdk, customer)
    stripe_server.next_charge(customer)
    stripe_server.renew(made.id)
    url = str(sdk.v1.invoices.list({"subscription": made.id}).data[0].hosted_invoice_url)
    declined = web.post(url, data={"number": "4000000000000341"})
    assert (declined.status_code, "was declined" in declined.text) == (402, True)
    web.post(url, data={"number": "4242424242424242"})

    assert sdk.v1.subscriptions.retrieve(made.id).status == "active"
    assert ": paid" in web.get(url).text


def test_console_plays_bank_and_clock(
    stripe_server: StripeServer, sdk: stripe.StripeClient, web: httpx.Client, customer: str
):
    console = f"{stripe_server.url}/console"
    made = subscription(sdk, customer)
    intent = sdk.v1.payment_intents.list().data[0].id

    def press(what: str, name: str = "") -> httpx.Response:
        return web.post(console, data={"what": what, "object": name})

    press("dispute", intent)
    press("win", sdk.v1.disputes.list().data[0].id)
    press("refund", intent)
    press("fail_refund", sdk.v1.refunds.list().data[0].id)
    press("fail_next", customer)
    press("renew", made.id)
    wrong = press("refund", "pi_x")

    assert sdk.v1.disputes.list().data[0].status == "won"
    assert sdk.v1.refunds.list().data[0].status == "failed"
    assert sdk.v1.subscriptions.retrieve(made.id).status == "past_due"
    assert (wrong.status_code, "No such payment_intent" in wrong.text) == (400, True)
    page = web.get(console).text
    for shown in (customer, intent, made.id, "charge.dispute.funds_reinstated", "past_due"):
        assert shown in page


def test_console_sends_an_event_again(
    stripe_server: StripeServer, sdk: stripe.StripeClient, web: httpx.Client, receiver: Any
):
    stripe_server.webhook_url = receiver.url
    sdk.v1.customers.create({})
    stripe_server.wait_until_delivered()
    event = stripe_server.events()[0]["id"]
    web.post(f"{stripe_server.url}/console", data={"what": "send_again", "object": event})
    stripe_server.wait_until_delivered()
    assert [one["json"]["id"] for one in receiver.requests()] == [event, event]
