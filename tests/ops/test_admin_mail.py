"""Mails in the operator's console: how they went, and not what they say."""

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.notifications.models import Email
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_mails_are_listed_and_shown_without_their_words_and_cannot_be_changed(
    client: Client, workspace: Workspace
) -> None:
    row = Email.objects.create(
        workspace=workspace,
        key="k:1",
        to="a@example.com",
        kind="budget",
        subject="secret subject",
        text="secret text",
        html="<p>secret html</p>",
        error="ConnectionRefusedError 111",
    )
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    base = "/ops/admin/notifications/email/"

    pages = [
        client.get(path) for path in (base, f"{base}?q=A@example.com", f"{base}{row.pk}/change/")
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    for page in pages:
        html = page.content.decode()
        assert "a@example.com" in html
        assert "ConnectionRefusedError 111" in html
        assert "secret" not in html
    for path in ("add/", f"{row.pk}/delete/"):
        assert client.get(f"{base}{path}").status_code == 403
    client.post(f"{base}{row.pk}/change/", {"state": "sent"})
    row.refresh_from_db()
    assert row.state == "waiting"
