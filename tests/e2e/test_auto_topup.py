"""The billing page in a browser: readable at both widths, a card saved, automatic top-ups set, a strip that helps."""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from apps.billing.models import AutoTopUp, PaymentCustomer
from apps.billing.services.auto_topup import watch
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of, task
from tests.factories.billing import payment
from tests.payments.automatic import ASKS_ALWAYS, rested, save_card
from tests.payments.stripe_server import StripeServer

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _looks_right(visitor: Visitor, name: str) -> None:
    for width in (1280, 360):
        visitor.width(width)
        assert visitor.overflow() == 0
        assert visitor.accessibility() == []
        if os.environ.get("SHOTS"):
            visitor.page.screenshot(
                path=f"{os.environ['SHOTS']}/{name}-{width}.png", full_page=True
            )


def test_billing_page(visitor: Visitor, stripe_server: StripeServer, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    workspace = WorkspaceFactory.create()
    payment(workspace, usd=3, credits_expire_at=timezone.now() + timedelta(days=9))
    task(workspace)
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(f"/w/{workspace.slug}/billing")
    expect(page.get_by_text("No card is saved.")).to_be_visible()
    _looks_right(visitor, "billing-first")

    save_card(workspace, stripe_server)
    page = visitor.open(f"/w/{workspace.slug}/billing")
    page.get_by_label("Top up by itself").check()
    page.get_by_label("Add, US$").fill("2")
    page.evaluate("document.querySelector('[name=amount_usd]').form.noValidate = true")
    page.get_by_role("button", name="Save automatic top-up").click()
    expect(page.get_by_text("From $3.00.").first).to_be_visible()
    _looks_right(visitor, "billing-refused")
    page.get_by_label("Add, US$").fill("20")
    page.get_by_role("button", name="Save automatic top-up").click()
    expect(page.get_by_text("Automatic top-ups are on.")).to_be_visible()
    watch.watch()
    visitor.open(f"/w/{workspace.slug}/billing")
    expect(page.get_by_text("Added so far: $20.00 of $40.00 today")).to_be_visible()
    _looks_right(visitor, "billing-on")

    stripe_server.next_charge(PaymentCustomer.objects.of(workspace.pk).get().ref, "stolen_card")
    AutoTopUp.objects.of(workspace.pk).update(threshold_points=10**9)
    rested(workspace)
    watch.watch()
    visitor.open(f"/w/{workspace.slug}/tasks")
    page.get_by_role("link", name="See the card").click()
    expect(page.get_by_text("We switched it off.")).to_be_visible()
    _looks_right(visitor, "billing-stopped")


def test_payment_that_the_bank_asks_about(
    visitor: Visitor, stripe_server: StripeServer, settings: Any
) -> None:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    workspace = WorkspaceFactory.create()
    save_card(workspace, stripe_server, ASKS_ALWAYS)
    AutoTopUp.objects.create(
        workspace=workspace,
        is_on=True,
        threshold_points=50_000_000,
        amount_points=200_000_000,
        daily_cap_points=200_000_000,
        monthly_cap_points=200_000_000,
    )
    watch.watch()
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(f"/w/{workspace.slug}/tasks")
    page.get_by_role("link", name="Confirm it").click()
    expect(page.get_by_text("Your bank wants to see you.")).to_be_visible()
    _looks_right(visitor, "confirm")
