"""Usage, transactions and the operator's pages about cost in a real browser: sound, narrow and wide, light and dark."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User, Workspace
from apps.accounts.services import KeyTerms, create_key
from apps.byoa.models import SupplierSnapshot
from apps.tasks.models import CostDay
from apps.tasks.services import finish, operator
from tests.e2e.conftest import Visitor
from tests.factories import UserFactory, WorkspaceFactory, completed, task
from tests.factories.billing import payment
from tests.factories.byoa import account
from tests.factories.usage import slice_of, took

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

_MODELS = ("kling", "Qubico/flux1-schnell", "modelyard/illustration", "suno", "luma", "hailuo")


@pytest.fixture
def shop() -> Workspace:
    """A month of work, some refunds, a payment, a running task."""
    workspace = WorkspaceFactory.create(owner=UserFactory.create())
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="ci"), actor=None)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(40):
        for place, model in enumerate(_MODELS):
            slice_of(
                workspace,
                starts_at=today - timedelta(days=back),
                model=model,
                key=key.pk,
                completed=3,
                refused=back % 2,
                charged_points=(place + 1) * (back % 7 + 1) * 400_000,
                refunded_points=200_000 * (back == 3),
                **took(3_000 * (place + 1), 3),
            )
    payment(workspace, usd=20)
    operator.refund(task_id=completed(workspace).id, actor=None, reason="Blurred.", points=4_000)
    finish.cancel(task=task(workspace))
    task(workspace)
    return workspace


def test_customer_reads_usage_and_transactions(visitor: Visitor, shop: Workspace) -> None:
    visitor.sign_in(shop.memberships.get().user, "correct horse")

    page = visitor.open(f"/w/{shop.slug}/billing/usage")
    _is_sound(visitor)
    page.get_by_role("link", name="By API key").click()
    expect(page.get_by_role("rowheader", name="ci (my_")).to_have_count(1)
    page.get_by_role("link", name="transactions", exact=True).click()
    _is_sound(visitor)
    page.get_by_label("Kind").select_option(label="Refunded")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename == f"transactions-{shop.slug}.csv"


def test_operator_reads_margin_suppliers_and_ledger(visitor: Visitor, shop: Workspace) -> None:
    user = User.objects.create_superuser("operator@example.com", "correct horse")
    mine = account(label="Next door")
    today = datetime.now(UTC).date()
    CostDay.objects.create(
        day=today,
        provider="federation",
        account=mine,
        workspace=shop,
        model="kling",
        attempts=9,
        succeeded=8,
        cost_points=90_000_000,
        price_points=80_000_000,
        run_ms=1,
    )
    for used in (5_000_000, 95_500_000):
        SupplierSnapshot.objects.create(account=mine, used_points=used, balance_points=1)
    visitor.sign_in(user, "correct horse")

    page = visitor.open("/ops/admin/")
    page.get_by_role("link", name="Margin").click()
    _is_sound(visitor)
    page.get_by_role("link", name="What providers say").click()
    _is_sound(visitor)
    visitor.open(f"/ops/admin/billing/wallet/{shop.pk}/change/")
    page.get_by_role("link", name="Ledger").click()
    _is_sound(visitor)


def _is_sound(visitor: Visitor) -> None:
    """Fits a telephone, and is accessible in light and dark."""
    visitor.width(360)
    assert visitor.overflow() == 0
    visitor.width(1280)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        visitor.theme(scheme)
        visitor.page.emulate_media(color_scheme=scheme)
        visitor.page.reload()
        # Colours fade to their new ones; half-way they are too pale.
        visitor.page.evaluate(
            "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
        )
        # The path at the top of the console is the admin's own: links that differ from text by colour alone.
        found = [one for one in visitor.accessibility() if one[0] != "link-in-text-block"]
        assert found == [], scheme
