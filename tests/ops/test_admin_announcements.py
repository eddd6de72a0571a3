"""Operators announce things in the console; what they do is in its history, and pages show it at once."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.notifications import announcements
from apps.notifications.models import Announcement
from tests.factories.announcements import announced

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "admin:notifications_announcement_add"
LIST = "admin:notifications_announcement_changelist"
FORM: dict[str, Any] = {
    "kind": "incident",
    "title": "Kling is slow.",
    "text": "",
    "family": "kling",
    "starts_at_0": "2026-01-01",
    "starts_at_1": "00:00:00",
    "on_strip": "on",
    "on_status": "on",
}


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def titles() -> list[str]:
    one = announcements.for_strip()
    return [] if one is None else [one.title]


def test_what_is_announced_shows_at_once_and_is_logged(operator: Client) -> None:
    assert operator.post(reverse(ADD), FORM).status_code == 302
    assert titles() == ["Kling is slow."]

    row = Announcement.objects.get()
    assert (row.family, row.on_changelog) == ("kling", False)
    assert LogEntry.objects.filter(object_id=str(row.pk)).count() == 1

    operator.post(reverse(LIST), {"action": "resolve", "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert row.resolved_at is not None
    assert titles() == []
    assert LogEntry.objects.filter(object_id=str(row.pk), change_message="Resolved.").count() == 1


def test_what_is_resolved_stays_as_it_was(operator: Client) -> None:
    before = timezone.now()
    row = announced(resolved_at=before)

    operator.post(reverse(LIST), {"action": "resolve", "_selected_action": [row.pk]})

    row.refresh_from_db()
    assert row.resolved_at == before


def test_deleted_announcement_is_gone_at_once(operator: Client) -> None:
    row = announced()
    assert titles()

    operator.post(
        reverse("admin:notifications_announcement_delete", args=[row.pk]), {"post": "yes"}
    )

    assert titles() == []


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "x" * 121},
        {"family": "nothing"},
        {"kind": "joke"},
        {"ends_at_0": "2025-01-01", "ends_at_1": "00:00:00"},
        {"starts_at_0": "never"},
    ],
)
def test_bad_input_is_refused_on_the_form(operator: Client, change: dict[str, str]) -> None:
    assert operator.post(reverse(ADD), {**FORM, **change}).status_code == 200
    assert Announcement.objects.count() == 0


def test_staff_without_permission_cannot_announce(client: Client) -> None:
    client.force_login(
        User.objects.create_user("staff@example.com", "correct horse", is_staff=True)
    )

    assert client.post(reverse(ADD), FORM).status_code == 403
    assert Announcement.objects.count() == 0
