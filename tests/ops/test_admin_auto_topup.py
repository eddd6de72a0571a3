"""Automatic top-ups and saved cards in the console: seen, not changed, and without what names them at Stripe."""

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import AutoTopUp, PaymentCustomer

pytestmark = pytest.mark.django_db
USD = 10_000_000


@pytest.fixture
def rows(workspace: Workspace) -> None:
    PaymentCustomer.objects.create(
        workspace=workspace,
        ref="cus_unseen",
        card_ref="pm_unseen",
        card_brand="visa",
        card_last4="4242",
        card_exp_month=8,
        card_exp_year=2030,
    )
    AutoTopUp.objects.create(
        workspace=workspace,
        threshold_points=5 * USD,
        amount_points=20 * USD,
        daily_cap_points=40 * USD,
        monthly_cap_points=100 * USD,
        stopped_reason="Your card was declined.",
    )


@pytest.mark.parametrize("model", ["autotopup", "paymentcustomer"])
def test_rows_are_read_only_and_name_nothing_at_stripe(
    admin_client: Client, workspace: Workspace, rows: None, model: str
) -> None:
    base = f"/ops/admin/billing/{model}/"
    listed = admin_client.get(base)
    one = admin_client.get(f"{base}{workspace.pk}/change/")

    text = listed.content.decode() + one.content.decode()
    assert (listed.status_code, one.status_code, "_unseen" in text) == (200, 200, False)
    assert ("4242" in text) is (model == "paymentcustomer")
    assert ("Your card was declined." in text) is (model == "autotopup")
    assert admin_client.post(f"{base}{workspace.pk}/change/", {}).status_code == 403
    assert admin_client.post(f"{base}add/", {}).status_code == 403
