import re
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts import keys
from apps.accounts.models import User, Workspace
from apps.billing.models import (
    AutoTopUp,
    ChainCursor,
    Deposit,
    DepositAddress,
    InboundEvent,
    PaymentCustomer,
    RedeemCode,
    ReferralReward,
    RefundRequest,
    TopUp,
    Wallet,
)
from apps.billing.services import adjustments, refunds
from apps.billing.services.invoices import default_entity
from apps.catalog.models import BannedWord, PriceOverride
from apps.notifications.models import Announcement, Email
from apps.ops.admin_tasks import ACTIONS
from apps.tasks.models import Penalty, PenaltyDay
from tests.factories import UserFactory, api_key, gifts, owner_of, task
from tests.factories.billing import invoice, payment, subscription
from tests.factories.byoa import CREDENTIAL, account, own_account, seats
from tests.llm.rows import attempt

pytestmark = pytest.mark.django_db

OURS = [model for model in admin.site._registry if model.__module__.startswith("apps.")]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


@pytest.fixture
def override(workspace: Workspace) -> PriceOverride:
    return PriceOverride.objects.create(
        model="modelyard/ocr",
        task_type="ocr",
        points_per_unit=1,
        workspace=workspace,
        valid_from=timezone.now(),
    )


def gift_rows(workspace: Workspace) -> dict[str, Any]:
    staff = gifts.operator()
    referral = gifts.invited(workspace, email="x@mailinator.com")
    made, _ = gifts.batch()
    asked = adjustments.ask(workspace_id=workspace.pk, points=10**9, reason="Outage", actor=staff)
    return {
        "referral": referral,
        "referralreward": ReferralReward.objects.of(workspace.pk).get(),
        "codebatch": made,
        "redeemcode": RedeemCode.objects.across_workspaces().get(batch=made),
        "adjustmentrequest": asked,
    }


def payment_rows(workspace: Workspace) -> dict[str, Any]:
    paid, staff = payment(workspace), gifts.operator()
    refunds.ask(payment_id=paid.pk, points=10**8, reason="Wrong model", actor=staff)
    saved = PaymentCustomer.objects.create(
        workspace=workspace, ref="cus_a canary nobody", card_ref="pm_a canary nobody"
    )
    auto = AutoTopUp.objects.create(
        workspace=workspace,
        threshold_points=10**7,
        amount_points=10**8,
        daily_cap_points=10**8,
        monthly_cap_points=10**8,
    )
    payload = {"type": "a.b", "data": {"object": {"email": "a canary nobody may read"}}}
    return {
        "payment": paid,
        "paymentcustomer": saved,
        "autotopup": auto,
        "refundrequest": RefundRequest.objects.of(workspace.pk).get(),
        "inboundevent": InboundEvent.objects.create(
            source="stripe", event_id="evt_1", kind="a.b", payload=payload, state="unmatched"
        ),
    }


def crypto_rows(workspace: Workspace) -> dict[str, Any]:
    top_up = TopUp.objects.create(
        workspace=workspace, provider="evm", client_key="console", amount_points=10**8
    )
    address = DepositAddress.objects.create(
        index=1,
        address="0x" + "1" * 40,
        workspace=workspace,
        top_up=top_up,
        chain="base",
        token="USDC",
    )
    deposit = Deposit.objects.create(
        chain="base", genesis="0x1", tx_hash="0x2", log_index=0, address=address, workspace=workspace,
        token_address="0x" + "2" * 40, token="USDC", value=10**7, block_number=1, block_hash="0x3",
    )  # fmt: skip
    cursor = ChainCursor.objects.create(chain="base")
    return {"deposit": deposit, "depositaddress": address, "chaincursor": cursor}


def penalty_rows(workspace: Workspace) -> dict[str, Any]:
    day = {"workspace": workspace, "day": date(2026, 1, 1)}
    return {
        "penaltyday": PenaltyDay.objects.create(**day, incorrect=61),
        "penalty": Penalty.objects.create(**day, kind="error", number=61, threshold=60),
    }


def call_rows(workspace: Workspace) -> dict[str, Any]:
    row = attempt(workspace)
    return {"usage": row, "creditblock": row.block, "priceversion": row.price}


def pages(workspace: Workspace, override: PriceOverride) -> list[str]:
    """Every page of every model in the console."""
    rows = {
        "workspace": workspace,
        "user": owner_of(workspace),
        "priceoverride": override,
        "bannedword": BannedWord.objects.create(word="blorp"),
        "account": account(),
        "task": task(workspace, input={"prompt": "a canary nobody may read", "seed": 1}),
        "invoice": invoice(workspace),
        "legalentity": default_entity(),
        **gift_rows(workspace),
        **payment_rows(workspace),
        **crypto_rows(workspace),
        "wallet": Wallet.objects.of(workspace.pk).get(),
        "email": Email.objects.create(
            key="console",
            to="a@example.com",
            kind="x",
            subject="Hello",
            text="a canary nobody may read",
        ),
        "announcement": Announcement.objects.create(title="Kling is slow."),
        "subscription": (paid := subscription(workspace)),
        "planversion": paid.plan_version,
        "seats": seats(workspace),
        **penalty_rows(workspace),
        **call_rows(workspace),
    }
    found = [reverse("admin:index"), reverse("admin:app_list", args=["accounts"])]
    found += [reverse("ops_pool"), reverse("ops_accounts_health"), reverse("ops_own_accounts")]
    found.append(reverse("ops_own_account_pause", args=[own_account(workspace).pk]))
    found.append(reverse("admin:accounts_workspace_plan", args=[workspace.pk]))
    found += [reverse("admin:tasks_task_act", args=[rows["task"].pk, name]) for name in ACTIONS]
    for model in OURS:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = rows[str(model._meta.model_name)]
        found += [reverse(f"{name}_changelist"), f"{reverse(f'{name}_changelist')}?q=a"]
        found += [reverse(f"{name}_{page}", args=[row.pk]) for page in ("change", "history")]
    found.append(reverse("admin:billing_invoice_books"))
    added = (
        "catalog_priceoverride",
        "catalog_bannedword",
        "byoa_account",
        "accounts_planversion",
        "billing_legalentity",
        "billing_codebatch",
        "billing_adjustmentrequest",
        "notifications_announcement",
    )
    return [*found, *(reverse(f"admin:{name}_add") for name in added)]


def test_stranger_is_sent_to_our_own_sign_in(client: Client):
    response = client.get("/ops/admin/", follow=True)

    address = urlsplit(response.redirect_chain[-1][0])
    assert (address.path, parse_qs(address.query)) == (
        reverse("account_login"),
        {"next": ["/ops/admin/"]},
    )


def test_admins_own_password_form_does_not_exist(client: Client):
    User.objects.create_superuser("operator@example.com", "correct horse")

    response = client.post(
        reverse("admin:login"), {"username": "operator@example.com", "password": "correct horse"}
    )

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("is_owner", [True, False])
def test_customers_do_not_get_in(
    client: Client, workspace: Workspace, override: PriceOverride, is_owner: bool
):
    client.force_login(owner_of(workspace) if is_owner else UserFactory.create())

    statuses = {client.get(page).status_code for page in pages(workspace, override)}

    assert statuses <= {302, 403}


def test_staff_without_permissions_see_no_rows(
    client: Client, workspace: Workspace, override: PriceOverride
):
    client.force_login(UserFactory.create(is_staff=True))

    shown = {page: client.get(page) for page in pages(workspace, override)}

    assert {page for page, response in shown.items() if response.status_code == 200} == {
        reverse("admin:index")
    }
    assert workspace.slug not in shown[reverse("admin:index")].content.decode()


def test_every_page_opens_and_shows_no_secret(
    operator: Client, workspace: Workspace, override: PriceOverride
):
    secret = api_key(workspace)
    hidden = [secret, secret[13:-4], keys.digest(secret).hex(), "canary nobody"]
    hidden += [owner_of(workspace).password, CREDENTIAL]

    for page in pages(workspace, override):
        response = operator.get(page)
        html = response.content.decode()
        assert response.status_code == 200, page
        assert [text for text in hidden if text in html] == [], page


def test_console_has_only_what_operators_may_change():
    assert {model.__name__ for model in OURS} == {
        "Workspace",
        "User",
        "PriceOverride",
        "BannedWord",
        "Account",
        "Task",
        "Invoice",
        "LegalEntity",
        "Referral",
        "ReferralReward",
        "CodeBatch",
        "RedeemCode",
        "AdjustmentRequest",
        "PlanVersion",
        "Subscription",
        "Seats",
        "Penalty",
        "PenaltyDay",
        "Payment",
        "RefundRequest",
        "InboundEvent",
        "Deposit",
        "DepositAddress",
        "ChainCursor",
        "PaymentCustomer",
        "AutoTopUp",
        "Wallet",
        "Email",
        "Usage",
        "CreditBlock",
        "PriceVersion",
        "Announcement",
    }


@pytest.mark.parametrize("name", ["accounts_workspace", "accounts_user"])
def test_workspaces_and_people_are_neither_added_nor_deleted(
    operator: Client, workspace: Workspace, name: str
):
    row = workspace if name.endswith("workspace") else owner_of(workspace)

    assert operator.get(reverse(f"admin:{name}_add")).status_code == 403
    assert operator.post(reverse(f"admin:{name}_delete", args=[row.pk])).status_code == 403


def test_operator_suspends_a_workspace(operator: Client, workspace: Workspace):
    url = reverse("admin:accounts_workspace_change", args=[workspace.pk])
    form = _fields(operator.get(url).content.decode())
    form.pop("is_enabled")

    # A plan is given on a page of its own, with a reason.
    response = operator.post(url, {**form, "plan": "premium"})

    assert response.status_code == 302
    workspace.refresh_from_db()
    assert (workspace.is_enabled, workspace.plan) == (False, "developer")


def test_operator_sets_a_price(operator: Client, workspace: Workspace):
    form: dict[str, Any] = {
        "model": "modelyard/ocr",
        "task_type": "ocr",
        "rate": "task",
        "points_per_unit": "12.5",
        "plan": "developer",
        "valid_from_0": "2030-01-01",
        "valid_from_1": "00:00:00",
    }
    url = reverse("admin:catalog_priceoverride_add")

    assert operator.post(url, {**form, "workspace": workspace.pk}).status_code == 200  # both: no
    assert operator.post(url, form).status_code == 302

    assert [str(row) for row in PriceOverride.objects.all()] == [
        "modelyard/ocr ocr task: 12.500000 points"
    ]


def _fields(html: str) -> dict[str, str]:
    """What a browser would send back from the page's form."""
    found = {}
    for tag in re.findall(r"<input[^>]+>", html):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_off = attributes.get("type") == "checkbox" and " checked" not in tag
        if "name" in attributes and attributes.get("type") != "submit" and not is_off:
            found[attributes["name"]] = attributes.get("value", "on")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen.group(1) if chosen else ""
    return found
