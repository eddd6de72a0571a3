"""The card "Webhook deliveries" of a task's page, and its button."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery
from apps.notifications.services import outbox
from apps.tasks.models import Task
from tests.factories import WorkspaceFactory, task

pytestmark = pytest.mark.django_db
ENDPOINT = "https://shop.example/hook?token=seen-by-members"
CARD = "Webhook deliveries"


def _told(workspace: Workspace, **fields: Any) -> tuple[Task, Delivery]:
    """A task and one event of it that was given up after two attempts, besides what its creation wrote."""
    found = task(workspace, webhook_endpoint=ENDPOINT)
    outbox.add([outbox.Event(workspace.pk, found.reference, "task.failed", ENDPOINT, "{}")])
    row = Delivery.objects.of(workspace.pk).latest("id")
    values: dict[str, Any] = {
        "state": "FAILED",
        "attempts": 2,
        "next_attempt_at": None,
        "ended_at": timezone.now(),
        "log": [
            {"at": "2026-01-01T00:00:00.000Z", "status": None, "error": "No answer.", "ms": 15000},
            {"at": "2026-01-01T00:00:05.000Z", "status": 418, "error": "<b>Tea</b>", "ms": 7},
        ],
    }
    Delivery.objects.of(workspace.pk).filter(pk=row.pk).update(**{**values, **fields})
    row.refresh_from_db()
    return found, row


def _page(client: Client, found: Task, workspace: Workspace) -> str:
    return client.get(f"/w/{workspace.slug}/tasks/{found.id}").content.decode()


def _replay(client: Client, workspace: Workspace, found: Task, row: Delivery) -> Any:
    return client.post(f"/w/{workspace.slug}/tasks/{found.id}/replay/{row.event_id}")


def test_card_shows_state_attempts_and_last_answer(workspace: Workspace, owner: Client):
    found, row = _told(workspace)

    html = _page(owner, found, workspace)

    assert CARD in html
    assert "task.failed" in html
    assert "418" in html
    assert "&lt;b&gt;Tea&lt;/b&gt;" in html
    assert f"/tasks/{found.id}/replay/{row.event_id}" in html


def test_task_without_webhook_has_no_card(workspace: Workspace, owner: Client):
    assert CARD not in _page(owner, task(workspace), workspace)


def test_who_sees_only_costs_sees_no_address(workspace: Workspace, billing: Client):
    found, _ = _told(workspace)

    html = _page(billing, found, workspace)

    assert CARD not in html
    assert "seen-by-members" not in html


def test_viewer_sees_the_card_without_the_button(workspace: Workspace, viewer: Client):
    found, row = _told(workspace)

    html = _page(viewer, found, workspace)

    assert CARD in html
    assert str(row.event_id) not in html


def test_waiting_delivery_has_no_button(workspace: Workspace, owner: Client):
    found, row = _told(workspace, state="WAITING", next_attempt_at=timezone.now(), ended_at=None)

    html = _page(owner, found, workspace)

    assert "next:" in html
    assert str(row.event_id) not in html


def test_button_sends_it_again(workspace: Workspace, developer: Client):
    found, row = _told(workspace)

    response = _replay(developer, workspace, found, row)

    assert (response.status_code, response.url) == (302, f"/w/{workspace.slug}/tasks/{found.id}")
    row.refresh_from_db()
    assert (row.state, row.attempts, len(row.log)) == ("WAITING", 0, 2)


def test_viewer_cannot_press_it(workspace: Workspace, viewer: Client):
    found, row = _told(workspace)

    assert _replay(viewer, workspace, found, row).status_code == 403
    row.refresh_from_db()
    assert row.state == "FAILED"


def test_neighbours_delivery_does_not_exist(workspace: Workspace, owner: Client):
    mine, _ = _told(workspace)
    _, theirs = _told(WorkspaceFactory.create())

    assert _replay(owner, workspace, mine, theirs).status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "FAILED"


def test_card_costs_the_page_one_query_however_many_events(
    workspace: Workspace, owner: Client, django_assert_max_num_queries
):
    found, _ = _told(workspace)
    _page(owner, found, workspace)  # the session remembers the workspace
    counts = []
    for _ in range(2):
        outbox.add([outbox.Event(workspace.pk, found.reference, "task.x", ENDPOINT, "{}")] * 2)
        with django_assert_max_num_queries(40) as queries:
            _page(owner, found, workspace)
        counts.append(len(queries))

    assert counts[0] == counts[1]
