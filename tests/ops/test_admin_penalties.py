"""Penalties in the console: lists, and a day that is waived with a reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.tasks.models import Penalty, PenaltyDay
from tests.dashboard.accounts import words
from tests.factories import WorkspaceFactory
from tests.factories.own import operators
from tests.tasks.rows import balance
from tests.tasks.test_penalties import DOLLAR, FAST, had, shop
from tests.tasks.test_penalties_waive import kept

pytestmark = pytest.mark.django_db

DAYS = reverse("admin:tasks_penaltyday_changelist")
ALL = reverse("admin:tasks_penalty_changelist")


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, db: None) -> None:
    settings.LOCAL_ENGINE = False
    operators(slots=1000)


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


@pytest.fixture
def day() -> PenaltyDay:
    """A day of which a task's hold was kept."""
    workspace = shop()
    found = had(workspace, incorrect=60, relax=7, bonus=3)
    kept(workspace)
    return found


def step(day: PenaltyDay) -> str:
    return reverse("admin:tasks_penaltyday_do", args=[day.pk, "waive"])


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return words(response.content)


def test_days_and_penalties_are_listed(operator: Client, day: PenaltyDay):
    days, penalties = page(operator, DAYS), page(operator, ALL)

    assert f"{day.workspace.slug} 61 7 3" in days
    assert f"{day.workspace.slug} Incorrect task 61 60 $0.07" in penalties


def test_lists_are_filtered_by_kind_day_and_workspace(operator: Client, day: PenaltyDay):
    other = WorkspaceFactory.create()
    had(other, day=day.day - timedelta(days=1), incorrect=1)
    Penalty.objects.create(
        workspace=other, kind="relax", day=day.day - timedelta(days=1), number=2, threshold=1
    )

    assert "1 penalty" in page(operator, f"{ALL}?kind__exact=relax")
    assert other.slug not in page(operator, f"{ALL}?kind__exact=error")
    assert other.slug not in page(operator, f"{DAYS}?day={day.day}")
    assert day.workspace.slug not in page(operator, f"{DAYS}?q={other.slug}")


def test_day_is_waived_with_a_reason_and_its_money_comes_back(operator: Client, day: PenaltyDay):
    asked = page(operator, step(day))
    done = operator.post(step(day), {"reason": "Ticket 4711"}, follow=True)

    day.refresh_from_db()
    assert "Nothing of" in asked
    assert "$0.07 are given back." in asked
    assert "The day is waived." in words(done.content)
    assert "Waive this day" not in words(done.content).partition("The day is waived.")[2]
    assert day.waived_by is not None
    assert day.waived_by.email == "operator@example.com"
    assert balance(day.workspace) == (10 * DOLLAR, 0)


def test_form_that_is_sent_twice_gives_back_once(operator: Client, day: PenaltyDay):
    for _ in range(2):
        operator.post(step(day), {"reason": "Ticket 4711"})

    assert balance(day.workspace) == (10 * DOLLAR, 0)


def test_waiving_needs_a_reason(operator: Client, day: PenaltyDay):
    answer = operator.post(step(day), {"reason": ""})

    day.refresh_from_db()
    assert (answer.status_code, day.waived_at) == (200, None)
    assert balance(day.workspace) == (10 * DOLLAR - FAST, 0)


def test_nobody_edits_or_deletes_them(operator: Client, day: PenaltyDay):
    row = Penalty.objects.of(day.workspace_id).get()

    answers = [
        operator.post(reverse(f"admin:tasks_{name}_{what}", args=[pk])).status_code
        for name, pk in (("penaltyday", day.pk), ("penalty", row.pk))
        for what in ("change", "delete")
    ]

    assert answers == [403, 403, 403, 403]


def test_staff_who_may_only_look_waive_nothing(client: Client, day: PenaltyDay):
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_penaltyday"))
    client.force_login(staff)

    assert client.get(DAYS).status_code == 200
    assert client.post(step(day), {"reason": "x"}).status_code == 403

    day.refresh_from_db()
    assert day.waived_at is None


def test_empty_workspace_is_in_no_list(operator: Client, workspace: Workspace):
    assert workspace.slug not in page(operator, DAYS)
