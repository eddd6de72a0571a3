"""What the operator announces stands above public pages and, where nothing is worse, above the dashboard's."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import Wallet
from apps.notifications import announcements
from tests.factories import owner_of
from tests.factories.announcements import announced

pytestmark = pytest.mark.django_db


def strip(client: Client, path: str = "/") -> bool:
    return 'aria-label="Announcement"' in client.get(path).content.decode()


def test_without_announcement_there_is_no_strip(client: Client) -> None:
    assert not strip(client)


def test_public_page_shows_it_with_a_way_to_more(client: Client) -> None:
    announced("<i>Kling</i> is slow.")

    html = client.get("/").content.decode()

    assert "<strong>&lt;i&gt;Kling&lt;/i&gt; is slow.</strong>" in html
    assert 'href="/status">Read more</a>' in html


@pytest.mark.parametrize(
    "fields",
    [
        {"on_strip": False},
        {"starts_at": timezone.now() + timedelta(hours=1)},
        {"ends_at": timezone.now() - timedelta(minutes=1)},
        {"resolved_at": timezone.now() - timedelta(minutes=1)},
    ],
)
def test_what_does_not_hold_is_not_shown(client: Client, fields: dict[str, object]) -> None:
    announced(**fields)

    assert not strip(client)


def test_incident_comes_before_news(client: Client) -> None:
    announced("News.", kind="info")
    announced("Broken.", starts_at=timezone.now() - timedelta(days=1))
    announced("Work.", kind="maintenance")

    html = client.get("/").content.decode()

    assert "Broken." in html
    assert "News." not in html


def test_dashboard_shows_it_where_nothing_is_worse(client: Client, workspace: Workspace) -> None:
    client.force_login(owner_of(workspace))
    announced("Kling is slow.")
    assert "Kling is slow." in client.get(f"/w/{workspace.slug}/").content.decode()

    Wallet.objects.of(workspace.pk).update(available=0)

    html = client.get(f"/w/{workspace.slug}/").content.decode()
    assert "Kling is slow." not in html
    assert "The credits are used up." in html


def test_pages_do_not_ask_each_time(client: Client) -> None:
    announced()
    announcements.for_strip()

    with CaptureQueriesContext(connection) as asked:
        assert strip(client)

    assert [one for one in asked.captured_queries if "announcement" in one["sql"]] == []
