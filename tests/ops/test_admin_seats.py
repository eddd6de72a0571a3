"""Seats in the console: what is rented next to what sits on it, and that nobody edits it."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from tests.dashboard.accounts import words
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, own_account, seats

pytestmark = pytest.mark.django_db

LIST = reverse("admin:billing_seats_changelist")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def test_list_says_what_is_rented_and_used(operator: Client, workspace: Workspace):
    row = seats(workspace, quantity=3)
    type(row).objects.of(workspace.pk).update(
        next_quantity=2, first_points=100_000_000, further_points=60_000_000
    )
    own_account(workspace)
    own_account(workspace, "kling")
    own_account(workspace, seat_ended_at=datetime(2026, 1, 1, tzinfo=UTC))
    own_account(WorkspaceFactory.create())
    account(families=["midjourney"])

    page = words(operator.get(LIST).content)

    assert f"{workspace.slug} midjourney 3 2 1 1 $10.00 $6.00 Active" in page


def test_row_is_read_and_not_changed(operator: Client, workspace: Workspace):
    row = seats(workspace)
    page = reverse("admin:billing_seats_change", args=[row.pk])

    answers = [
        operator.get(page).status_code,
        operator.post(page, {"quantity": "9"}).status_code,
        operator.get(reverse("admin:billing_seats_add")).status_code,
        operator.post(reverse("admin:billing_seats_delete", args=[row.pk])).status_code,
    ]

    row.refresh_from_db()
    assert (answers, row.quantity) == ([200, 403, 403, 403], 1)


def test_filters_and_search_find_rows(operator: Client, workspace: Workspace):
    seats(workspace, "suno", 2)

    found = words(operator.get(f"{LIST}?q={workspace.slug}&family=suno").content)
    none = words(operator.get(f"{LIST}?family=kling").content)

    assert "1 seats" in found
    assert "0 seats" in none


def test_staff_without_the_permission_see_nothing(client: Client, workspace: Workspace):
    seats(workspace)
    client.force_login(User.objects.create_user("staff@example.com", is_staff=True))

    assert client.get(LIST).status_code == 403
