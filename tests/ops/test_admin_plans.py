"""Plans in the operator's console: a new version, who notices it, and a plan by hand."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts import plans, selectors
from apps.accounts.models import AuditEvent, PlanVersion, User, Workspace
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.billing import subscription

pytestmark = pytest.mark.django_db

ADD = "admin:accounts_planversion_add"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def form(**changes: Any) -> dict[str, Any]:
    return {
        "plan": "developer",
        "price": "19.00",
        "monthly_credits": "2.50",
        "share": "2",
        "concurrent_tasks": "12",
        "staged_tasks": "60",
        "retention_days": "8",
        "referral_cap": "200",
        "features": ["file_upload", "suno_lyrics"],
        "note": "Dearer, and more at once",
    } | changes


def test_operator_publishes_a_version_and_subscribers_keep_theirs(
    operator: Client, workspace: Workspace
):
    subscriber = WorkspaceFactory.create()
    subscription(subscriber)
    bought = plans.terms_of_workspace(subscriber)

    assert operator.post(reverse(ADD), form()).status_code == 302

    selectors.forget_believed_keys()
    row = PlanVersion.objects.get(plan="developer", version=2)
    assert (row.note, row.created_by.email) == ("Dearer, and more at once", "operator@example.com")
    terms = plans.terms_of_workspace(workspace)
    assert (terms.price_points, terms.monthly_credit_points) == (190_000_000, 25_000_000)
    assert (terms.concurrent_tasks, terms.staged_tasks, terms.retention_days) == (12, 60, 8)
    assert terms.features == {"file_upload", "suno_lyrics"}
    assert plans.terms_of_workspace(subscriber) == bought


def test_form_starts_with_what_is_sold_and_shows_who_notices(
    operator: Client, workspace: Workspace
):
    subscription(WorkspaceFactory.create())

    page = operator.get(f"{reverse(ADD)}?plan=premium")

    assert page.context["adminform"].form.initial["concurrent_tasks"] == 30
    rows = {row["name"]: (row["keeping"], row["moving"]) for row in page.context["on_plans"]}
    assert rows == {"Hobbyist": (0, 0), "Developer": (1, 1), "Premium": (0, 0)}


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "0.001"},
        {"price": "99999999999"},
        {"price": "fifteen"},
        {"plan": "hobbyist"},
        {"plan": "gold"},
        {"share": "0"},
        {"share": "101"},
        {"concurrent_tasks": "0"},
        {"retention_days": "-1"},
        {"features": ["time_travel"]},
        {"note": ""},
    ],
)
def test_terms_that_make_no_sense_are_refused(operator: Client, changes: dict[str, Any]):
    response = operator.post(reverse(ADD), form(**changes))

    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert PlanVersion.objects.count() == 0


def test_versions_are_neither_changed_nor_deleted(operator: Client):
    row = plans.current(plan="developer")
    name = "admin:accounts_planversion"

    assert operator.post(reverse(f"{name}_change", args=[row.pk]), form()).status_code == 403
    assert operator.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403


def give(client: Client, workspace: Workspace, **values: str) -> Any:
    url = reverse("admin:accounts_workspace_plan", args=[workspace.pk])
    return client.post(url, {"plan": "premium", "reason": "A gift"} | values)


def test_operator_gives_a_plan_with_a_reason(operator: Client, workspace: Workspace):
    assert give(operator, workspace, reason=" ").status_code == 200
    assert give(operator, workspace, plan="gold").status_code == 200
    workspace.refresh_from_db()
    assert workspace.plan == "developer"

    assert give(operator, workspace).status_code == 302

    workspace.refresh_from_db()
    assert (workspace.plan, workspace.plan_version) == ("premium", None)
    found = AuditEvent.objects.of(workspace.pk).get(action="plan.given")
    assert found.actor is not None
    assert (found.actor.email, found.detail) == ("operator@example.com", {"reason": "A gift"})


def test_paid_plan_is_not_given_over(operator: Client, workspace: Workspace):
    subscription(workspace)

    response = give(operator, workspace)

    assert response.status_code == 200
    assert b"Cancel that first" in response.content
    workspace.refresh_from_db()
    assert workspace.plan == "developer"


def test_nobody_else_gives_plans(client: Client, workspace: Workspace):
    client.force_login(owner_of(workspace))

    assert give(client, workspace).status_code == 302  # to the sign-in of the console
    client.force_login(User.objects.create_user("staff@example.com", is_staff=True))
    assert give(client, workspace).status_code == 403

    workspace.refresh_from_db()
    assert workspace.plan == "developer"


def test_page_of_no_workspace_is_not_found(operator: Client):
    assert operator.get(reverse("admin:accounts_workspace_plan", args=[999_999])).status_code == 404
