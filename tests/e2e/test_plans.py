"""The Plans page in a browser, in every state a subscription can be in."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor
from tests.factories import owner_of
from tests.payments.cards import tell
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import customer, free, live, plan_of, set_seats, subscribed

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _looks_right(visitor: Visitor) -> None:
    for theme in ("light", "dark"):
        visitor.theme(theme)
        visitor.page.reload()
        for width in (1280, 360):
            visitor.width(width)
            assert visitor.overflow() == 0
            assert visitor.accessibility() == []


def test_plans_in_every_state(visitor: Visitor, stripe_server: StripeServer, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    workspace = free()
    path = f"/w/{workspace.slug}/billing/plans"
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(path)
    _looks_right(visitor)
    page.get_by_role("link", name="Subscribe to Developer").click()
    expect(page.get_by_text("$15.00 a month", exact=True)).to_be_visible()
    _looks_right(visitor)

    row = subscribed(workspace, stripe_server)
    set_seats(workspace, "kling", 2)
    page = visitor.open(path)
    page.get_by_role("link", name="Upgrade to Premium").click()
    expect(page.get_by_text("Today, about")).to_be_visible()
    _looks_right(visitor)
    page.get_by_role("button", name="Upgrade and pay $45.00").click()
    expect(page.get_by_text("This workspace is on Premium now.")).to_be_visible()
    assert plan_of(workspace) == ("premium", 1)

    page.get_by_role("link", name="Change to Developer").click()
    _looks_right(visitor)
    page.get_by_role("button", name="Change at the end of the period").click()
    expect(page.get_by_role("heading", name="Changes to Developer on")).to_be_visible()
    _looks_right(visitor)
    page.get_by_role("button", name="Keep Premium").click()
    expect(page.get_by_text("Your plan goes on as before.")).to_be_visible()

    stripe_server.next_charge(customer(workspace))
    stripe_server.renew(row.ref)
    stripe_server.advance(days=0.1)
    tell(stripe_server.events())
    page = visitor.open(path)
    expect(page.get_by_role("heading", name="The renewal was not paid")).to_be_visible()
    expect(page.get_by_role("link", name="Pay now")).to_have_attribute(
        "href", live(workspace).pay_url
    )
    _looks_right(visitor)
