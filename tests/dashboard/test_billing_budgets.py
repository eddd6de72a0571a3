"""The page of budgets: shows limits with what is spent, changes them, refuses nonsense kindly."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import ApiKey, AuditEvent, Membership, Workspace
from apps.billing.services import credits
from tests.factories import WorkspaceFactory, identity, member, owner_of

pytestmark = pytest.mark.django_db
USD = 10_000_000


@pytest.fixture
def page(client: Client, workspace: Workspace) -> str:
    client.force_login(owner_of(workspace))
    return f"/w/{workspace.slug}/billing/budgets"


def _limits(row: Any) -> tuple[int | None, ...]:
    row.refresh_from_db()
    return row.cap_daily_points, row.cap_monthly_points


def test_page_shows_what_is_spent_of_each_limit_and_no_neighbours(
    client: Client, workspace: Workspace, page: str
) -> None:
    neighbour = WorkspaceFactory.create()
    other = identity(neighbour, name="not ours", cap_daily_points=USD)
    who = identity(workspace, name="ours", cap_daily_points=USD // 2)
    credits.hold(identity=who, points=USD * 45 // 100, reference="task:a")

    html = client.get(page).content.decode()

    assert "$0.45 of $0.50 a day (UTC)" in html
    assert "90 %" in html
    assert "not ours" not in html
    assert other.workspace_id == neighbour.pk


def test_workspace_budget_is_saved_with_an_audit_event(
    client: Client, workspace: Workspace, page: str
) -> None:
    answer = client.post(
        page, {"cap_daily_usd": "5", "cap_monthly_usd": "", "low_balance_usd": "0.5"}
    )

    assert (answer.status_code, answer["Location"]) == (302, page)
    assert _limits(workspace) == (5 * USD, None)
    assert (workspace.budget_refuses, workspace.low_balance_points) == (False, USD // 2)
    event = AuditEvent.objects.of(workspace.pk).get(action="budget.changed")
    assert event.actor == owner_of(workspace)


def test_limit_of_a_member_and_of_a_key_is_saved_and_taken_away(
    client: Client, workspace: Workspace, page: str
) -> None:
    row = Membership.objects.get(workspace=workspace, user=member(workspace))
    key = ApiKey.objects.of(workspace.pk).get(pk=identity(workspace, name="ci").key_id)

    for path, found in ((f"members/{row.pk}", row), (f"keys/{key.pk}", key)):
        assert client.get(f"{page}/{path}").status_code == 200
        client.post(f"{page}/{path}", {"cap_daily_usd": "0.25", "cap_monthly_usd": "3"})
        assert _limits(found) == (USD // 4, 3 * USD)
        assert 'value="0.25"' in client.get(f"{page}/{path}").content.decode()
        client.post(f"{page}/{path}", {"cap_daily_usd": "", "cap_monthly_usd": ""})
        assert _limits(found) == (None, None)


@pytest.mark.parametrize("amount", ["-1", "many", "1e99", "NaN", "1.00000001"])
def test_nonsense_is_refused_beside_its_field(
    client: Client, workspace: Workspace, page: str, amount: str
) -> None:
    answer = client.post(page, {"cap_daily_usd": amount, "budget_refuses": "on"})

    assert answer.status_code == 422
    assert 'id="id_cap_daily_usd_error"' in answer.content.decode()
    assert _limits(workspace) == (None, None)


def test_neighbours_member_and_key_do_not_exist_here(
    client: Client, workspace: Workspace, page: str
) -> None:
    neighbour = WorkspaceFactory.create()
    row = Membership.objects.get(workspace=neighbour)
    key_id = identity(neighbour).key_id

    for path in (f"members/{row.pk}", f"keys/{key_id}"):
        assert client.get(f"{page}/{path}").status_code == 404
        assert client.post(f"{page}/{path}", {"cap_daily_usd": "1"}).status_code == 404
    assert _limits(row) == (None, None)


@pytest.mark.parametrize("role", ["developer", "billing", "viewer"])
def test_roles_without_settings_cannot_change_budgets(
    client: Client, workspace: Workspace, page: str, role: str
) -> None:
    client.force_login(member(workspace, role))

    assert client.post(page, {"cap_daily_usd": "1"}).status_code == 404
    assert _limits(workspace) == (None, None)
