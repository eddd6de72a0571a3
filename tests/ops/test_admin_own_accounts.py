"""Customers' accounts in the console: what is shown, to whom, and that nothing secret is."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.byoa.models import Account
from apps.ops import accounts_report
from apps.ops.accounts_report import Filter, Health
from apps.tasks.models import AccountHour
from tests.dashboard.accounts import words
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.byoa import account, own_account

pytestmark = pytest.mark.django_db

LIST = "/ops/admin/own-accounts/"
HEALTH = "/ops/admin/health/"
CANARY = "canary-credential-0815"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def text(client: Client, path: str = LIST) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return words(response.content)


def labels(wanted: Filter) -> list[str]:
    return [line.account.label for line in accounts_report.customers(wanted)]


def test_list_says_how_each_account_is_without_anything_secret(
    operator: Client, workspace: Workspace
):
    made = own_account(
        workspace,
        label="Berlin",
        credential=CANARY,
        slots=3,
        daily_cap=50,
        day=timezone.now().astimezone(UTC).date(),
        day_count=7,
        fast_hours="12.50",
        status="banned",
        status_reason="You have been blocked",
        base_url="https://bridge.example.com/secret-path",
    )
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for age, attempts in ((1, 10), (30, 99)):
        AccountHour.objects.create(
            account=made, hour=hour - timedelta(hours=age), attempts=attempts, succeeded=9, run_ms=1, fast_ms=1
        )  # fmt: skip
    account(label="Of the pool")

    page = text(operator)
    html = operator.get(LIST).content.decode()

    row = f"Berlin {workspace.slug} midjourney federation Banned Pause… 0 of 3 7 of 50 90.0 % of 10 12.50"
    assert f"{row} You have been blocked" in page
    assert "1 account, worst first" in page
    assert "Of the pool" not in page
    made.refresh_from_db()
    for secret in (CANARY, made.credential, made.credential_digest, "secret-path"):
        assert str(secret) not in html


def test_credentials_are_not_even_read(operator: Client, workspace: Workspace):
    own_account(workspace)

    with CaptureQueriesContext(connection) as queries:
        operator.get(LIST)
        operator.get(HEALTH)

    asked = [query["sql"] for query in queries if "byoa_account" in query["sql"]]
    assert asked
    assert not [sql for sql in asked if '"byoa_account"."credential' in sql]


def test_worst_come_first_and_filters_narrow_it(workspace: Workspace):
    other = WorkspaceFactory.create()
    own_account(workspace, label="fine")
    own_account(workspace, "kling", label="paused", is_paused=True)
    own_account(other, label="blocked", status="banned", provider="midjourney_bridge")

    assert labels(Filter()) == ["blocked", "paused", "fine"]
    assert labels(Filter(family="kling")) == ["paused"]
    assert labels(Filter(provider="midjourney_bridge")) == ["blocked"]
    assert labels(Filter(state="paused")) == ["paused"]
    assert labels(Filter(workspace=other.slug.upper())) == ["blocked"]
    assert labels(Filter(family="kling", state="active")) == []


def test_filters_come_from_the_address(operator: Client, workspace: Workspace):
    own_account(workspace, label="fine")
    own_account(workspace, label="blocked", status="banned")

    page = operator.get(f"{LIST}?state=banned&page=99")

    assert "blocked" in words(page.content)
    assert "fine" not in words(page.content)
    assert '<option value="banned" selected>' in page.content.decode()


def test_list_asks_as_often_for_one_account_as_for_three(operator: Client, workspace: Workspace):
    own_account(workspace)
    operator.get(LIST)

    with CaptureQueriesContext(connection) as one:
        operator.get(LIST)
    for _ in range(2):
        own_account(workspace)
    with CaptureQueriesContext(connection) as three:
        operator.get(LIST)

    assert len(three) == len(one)


def test_health_counts_the_pools_and_customers_accounts_worst_first(
    operator: Client, workspace: Workspace
):
    account(label="everything")
    account(families=["midjourney"], is_paused=True)
    own_account(workspace)
    own_account(workspace, status="banned")
    own_account(workspace, "kling", status="captcha_required")

    assert accounts_report.health() == [
        Health("kling", "customers", 1, 0, [("Captcha required", 1)]),
        Health("midjourney", "pool", 1, 0, [("Paused", 1)]),
        Health("midjourney", "customers", 2, 1, [("Active", 1), ("Banned", 1)]),
        Health("everything", "pool", 1, 1, [("Active", 1)]),
    ]
    page = text(operator, HEALTH)
    assert "kling customers 0 of 1 1 captcha required" in page
    assert "midjourney customers 1 of 2 1 active, 1 banned" in page


def test_account_is_paused_with_a_reason(operator: Client, workspace: Workspace):
    made = own_account(workspace, label="Berlin")
    path = f"{LIST}{made.pk}/pause/"

    asked = text(operator, path)
    empty = operator.post(path, {"reason": ""})
    done = operator.post(path, {"reason": "It floods the bridge."}, follow=True)
    again = operator.post(path, {"reason": "It floods the bridge."})

    made.refresh_from_db()
    assert f"Berlin of {workspace.slug} (midjourney, federation) takes no new tasks." in asked
    assert (empty.status_code, "This field is required." in words(empty.content)) == (200, True)
    assert "Berlin is paused." in words(done.content)
    assert made.is_paused
    assert "It is paused already." in words(again.content)


def test_account_of_the_pool_is_not_paused_here(operator: Client):
    made = account()

    assert operator.post(f"{LIST}{made.pk}/pause/", {"reason": "x"}).status_code == 404


def test_nobody_else_sees_or_pauses_anything(client: Client, workspace: Workspace):
    made = own_account(workspace)
    paths = [LIST, HEALTH, f"{LIST}{made.pk}/pause/"]

    client.force_login(owner_of(workspace))
    assert [client.get(path).status_code for path in paths] == [302, 302, 302]
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    client.force_login(staff)
    assert [client.get(path).status_code for path in paths] == [403, 403, 403]
    staff.user_permissions.add(Permission.objects.get(codename="view_account"))
    client.force_login(User.objects.get(pk=staff.pk))

    assert [client.get(path).status_code for path in paths] == [200, 200, 403]
    assert "Pause…" not in text(client)
    assert not Account.objects.of(workspace.pk).get().is_paused


@pytest.mark.parametrize("path", [LIST, HEALTH])
def test_without_accounts_the_pages_say_so(operator: Client, path: str):
    assert {LIST: "None.", HEALTH: "No account yet."}[path] in text(operator, path)


def test_pages_are_in_the_line_of_links(operator: Client):
    assert f'href="{HEALTH}"' in operator.get("/ops/admin/").content.decode()
    assert f'href="{LIST}"' in operator.get(HEALTH).content.decode()
