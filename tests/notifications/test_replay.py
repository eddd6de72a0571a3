"""What a workspace sees of its deliveries, sending them again, and forgetting them."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import NotFound
from apps.notifications import jobs, selectors
from apps.notifications.models import Delivery
from apps.notifications.services import forget, replay
from tests.factories import WorkspaceFactory
from tests.notifications.conftest import pass_time
from tests.notifications.receiver import Receiver, status

pytestmark = pytest.mark.django_db
Add = Callable[..., Delivery]
Pump = Callable[..., bool]


@pytest.fixture
def neighbour() -> Workspace:
    return WorkspaceFactory.create()


def _ended(add: Add, state: str = "FAILED", **fields) -> Delivery:
    row = add("https://h.example/", **fields)
    Delivery.objects.across_workspaces().filter(pk=row.pk).update(
        state=state,
        attempts=8,
        next_attempt_at=None,
        ended_at=timezone.now(),
        log=[{"at": "2026-01-01T00:00:00.000Z", "status": 500, "error": "x", "ms": 1}] * 8,
    )
    row.refresh_from_db()
    return row


@pytest.mark.parametrize("code", [200, 410])
def test_replayed_event_is_sent_again_the_same(
    workspace: Workspace, receiver: Receiver, add: Add, pump: Pump, code: int
):
    receiver.answers["/hook"] = status(code)
    row = add(receiver.url())
    pump()
    del receiver.answers["/hook"]

    again = replay.replay(workspace_id=workspace.pk, event_id=row.event_id)
    assert (again.state, again.attempts, len(again.log)) == ("WAITING", 0, 1)
    pump()

    first, second = receiver.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-sequence"] == second.headers["webhook-sequence"]
    row.refresh_from_db()
    assert row.state == "DELIVERED"
    assert [entry["status"] for entry in row.log] == [code, 200]


def test_replay_of_what_waits_changes_nothing(workspace: Workspace, add: Add):
    row = add("https://h.example/")
    before = Delivery.objects.of(workspace.pk).values().get()

    assert replay.replay(workspace_id=workspace.pk, event_id=row.event_id).state == "WAITING"
    assert Delivery.objects.of(workspace.pk).values().get() == before


def test_neighbours_delivery_is_neither_seen_nor_replayed(
    workspace: Workspace, neighbour: Workspace, add: Add
):
    row = _ended(add, workspace_id=neighbour.pk)

    for event_id in (row.event_id, uuid.uuid4()):
        with pytest.raises(NotFound):
            replay.replay(workspace_id=workspace.pk, event_id=event_id)
    row.refresh_from_db()
    assert row.state == "FAILED"
    assert selectors.newest_deliveries(workspace_id=workspace.pk, limit=10).items == []
    assert selectors.deliveries_of(workspace_id=workspace.pk, subject="task:1") == []
    assert selectors.counts(workspace_id=workspace.pk, since=timezone.now() - timedelta(1)) == {
        "WAITING": 0,
        "DELIVERED": 0,
        "FAILED": 0,
        "STOPPED": 0,
    }


def test_range_replays_only_what_ended_so_in_it_here(
    workspace: Workspace, neighbour: Workspace, add: Add
):
    too_old = _ended(add)
    pass_time(3600)
    failed, stopped = _ended(add), _ended(add, "STOPPED")
    delivered, waiting = _ended(add, "DELIVERED"), add("https://h.example/")
    foreign = _ended(add, workspace_id=neighbour.pk)
    now = timezone.now()

    count = replay.replay_range(
        workspace_id=workspace.pk,
        since=now - timedelta(minutes=30),
        until=now + timedelta(minutes=1),
        states=["FAILED", "STOPPED", "WAITING"],
    )

    assert count == 2
    states = dict(Delivery.objects.across_workspaces().values_list("pk", "state"))
    assert states == {
        too_old.pk: "FAILED",
        failed.pk: "WAITING",
        stopped.pk: "WAITING",
        delivered.pk: "DELIVERED",
        waiting.pk: "WAITING",
        foreign.pk: "FAILED",
    }


def test_pages_go_on_where_they_ended(workspace: Workspace, neighbour: Workspace, add: Add):
    rows = [add("https://h.example/") for _ in range(5)]
    add("https://h.example/", workspace_id=neighbour.pk)

    first = selectors.newest_deliveries(workspace_id=workspace.pk, limit=3)
    add("https://h.example/")
    second = selectors.newest_deliveries(workspace_id=workspace.pk, limit=3, after=first.next)

    assert list(first.items) == [rows[4], rows[3], rows[2]]
    assert (list(second.items), second.next) == ([rows[1], rows[0]], None)


def test_lists_are_one_query_and_leave_body_and_secret(
    workspace: Workspace, add: Add, django_assert_num_queries
):
    for _ in range(3):
        add("https://h.example/")
    with django_assert_num_queries(1):
        page = selectors.newest_deliveries(workspace_id=workspace.pk, limit=10)
        shown = [(row.state, row.log, row.endpoint) for row in page.items]

    assert len(shown) == 3
    assert page.items[0].get_deferred_fields() == {"body", "secret", "sealed_to", "answers"}


def test_filters_by_state_and_subject(workspace: Workspace, add: Add):
    failed = _ended(add)
    other = add("https://h.example/", subject="task:2")

    def ids(**filters: str) -> list[int]:
        page = selectors.newest_deliveries(workspace_id=workspace.pk, limit=10, **filters)
        return [row.pk for row in page.items]

    assert ids() == [other.pk, failed.pk]
    assert ids(state="FAILED") == [failed.pk]
    assert ids(subject="task:2") == [other.pk]
    assert ids(state="FAILED", subject="task:2") == []
    assert selectors.deliveries_of(workspace_id=workspace.pk, subject="task:1") == [failed]
    since = timezone.now() - timedelta(hours=1)
    assert selectors.counts(workspace_id=workspace.pk, since=since) == {
        "WAITING": 1,
        "DELIVERED": 0,
        "FAILED": 1,
        "STOPPED": 0,
    }


def test_ended_deliveries_are_forgotten_after_30_days(
    workspace: Workspace, add: Add, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(forget, "_BATCH", 2)
    for state in ("DELIVERED", "FAILED", "STOPPED", "DELIVERED", "FAILED"):
        _ended(add, state)
    waiting = add("https://h.example/")
    pass_time(30 * 86_400 - 60)
    young = _ended(add)
    jobs.forget()
    assert Delivery.objects.of(workspace.pk).count() == 7

    pass_time(120)
    jobs.forget()

    left = Delivery.objects.of(workspace.pk).order_by("id").values_list("pk", flat=True)
    assert list(left) == [waiting.pk, young.pk]
