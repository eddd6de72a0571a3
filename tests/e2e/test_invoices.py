"""Invoices and statements in a browser: on every width, in both themes, and on paper."""

import pytest
from playwright.sync_api import expect

from apps.billing.models import BillingProfile
from apps.billing.services import payments
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, completed, owner_of
from tests.factories.billing import USD, invoice

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_bookkeeper_reads_changes_and_downloads(visitor: Visitor) -> None:
    workspace = WorkspaceFactory.create(name="Acme")
    completed(workspace)
    made = invoice(workspace, tax_points=38_000_001, is_test=True)
    told = payments.WentBack(kind="refund", ref="re", amount_points=5 * USD, is_in_effect=True)
    payments.reverse(payment_id=made.payment_id, went_back=told)
    base = f"/w/{workspace.slug}/billing/invoices"
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(f"{base}/details")
    page.fill("[name=company]", "東京株式会社 <b>Tokyo</b> " + "x" * 90)
    page.fill("[name=address]", "1-1 Chiyoda\nTokyo")
    page.select_option("[name=country]", "JP")
    page.fill("[name=tax_id]", "1")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".invalid-feedback")).to_have_text("This is no tax number of that country.")
    page.fill("[name=tax_id]", "")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Invoices from now on say so")).to_be_visible()
    assert BillingProfile.objects.of(workspace.pk).get().country == "JP"
    second = invoice(workspace)

    month = f"{base}/statements/{second.issued_at:%Y-%-m}"
    for path in (base, f"{base}/{second.pk}", f"{base}/details", month):
        for theme, width in (("light", 1280), ("dark", 360)):
            visitor.theme(theme)
            visitor.width(width)
            visitor.open(path)
            assert visitor.overflow() <= 0, (path, width)
            assert visitor.accessibility() == [], (path, theme)

    visitor.open(base)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"PDF of {made.number}").click()
    assert download.value.suggested_filename == f"invoice-{made.number}.pdf"
    page.get_by_role("link", name=second.number, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice {second.number}")
    page.emulate_media(media="print")
    expect(page.get_by_role("link", name="Download PDF")).to_be_hidden()
    expect(page.locator(".document")).to_be_visible()
