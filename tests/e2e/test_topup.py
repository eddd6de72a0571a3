"""The top-up pages in a browser: readable at both widths, without a complaint, and alive while somebody waits."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of
from tests.payments.cards import start
from tests.payments.stripe_server import StripeServer

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _looks_right(visitor: Visitor) -> None:
    for width in (1280, 360):
        visitor.width(width)
        assert visitor.overflow() == 0
        assert visitor.accessibility() == []


def test_topup_pages(visitor: Visitor, stripe_server: StripeServer, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    workspace = WorkspaceFactory.create()
    top_up = start(workspace)
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(f"/w/{workspace.slug}/billing/topup")
    _looks_right(visitor)
    page.fill("[name=own]", "4.5")
    page.evaluate("document.querySelector('[name=own]').form.noValidate = true")
    page.fill("[name=own]", "1")
    page.get_by_role("button", name="Continue to payment").click()
    expect(page.get_by_text("From $3.00.").first).to_be_visible()
    _looks_right(visitor)

    page = visitor.open(f"/w/{workspace.slug}/billing/topup/{top_up.pk}")
    expect(page.get_by_text("Waiting for the payment.")).to_be_visible()
    _looks_right(visitor)
    stripe_server.pay(top_up.ref)
    expect(page.get_by_text("Credited $20.00.")).to_be_visible(timeout=15_000)
    expect(page.locator("#topup-state")).not_to_have_attribute("hx-get", re.compile("."))
    _looks_right(visitor)
