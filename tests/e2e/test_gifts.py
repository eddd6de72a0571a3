"""The referral and redeem pages in a browser: policy, width and accessibility, and the one thing each is for."""

import os

import pytest
from playwright.sync_api import expect

from apps.billing.services.referrals import rewards
from apps.billing.services.referrals.attribution import code_of
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.billing import payment
from tests.factories.gifts import batch, invited

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_owner_redeems_a_code_and_copies_the_link(visitor: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    _, [code] = batch(credits_last_days=30)
    for email in ("bea@example.org", "x@mailinator.com", "someone.with.a.long.name@long.example"):
        payment(invited(workspace, email=email).invitee_workspace)
    rewards.grant_due()
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(f"/w/{workspace.slug}/billing/redeem")
    page.get_by_label("Code", exact=False).first.fill("WRONG")
    page.get_by_role("button", name="Redeem", exact=True).click()
    expect(page.locator(".invalid-feedback")).to_have_text("This code is not valid.")
    page.get_by_label("Code", exact=False).first.fill(code.lower())
    page.get_by_role("button", name="Redeem", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("700 credits ($1.00) were added.")

    found = {}
    for path in ("redeem", "referral"):
        for theme, width in (("light", 1280), ("dark", 360)):
            visitor.theme(theme)
            visitor.width(width)
            page = visitor.open(f"/w/{workspace.slug}/billing/{path}")
            found[path, width] = (visitor.overflow(), visitor.accessibility())
            if folder := os.environ.get("SCREENSHOTS"):
                page.screenshot(path=f"{folder}/{path}-{width}.png", full_page=True)
    expect(page.locator("#link")).to_have_value(
        f"{visitor.base_url}/r/{code_of(user=owner_of(workspace)).code}"
    )

    assert found == dict.fromkeys(found, (0, []))
