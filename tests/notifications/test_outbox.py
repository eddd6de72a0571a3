from datetime import UTC, datetime
from typing import Any

import pytest
from celery import current_app
from django.db import transaction

from apps.accounts.models import Workspace
from apps.notifications import jobs
from apps.notifications.models import Delivery
from apps.notifications.services import outbox

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _event(workspace: Workspace, **fields: Any) -> outbox.Event:
    event = {
        "workspace_id": workspace.pk,
        "subject": "task:1",
        "kind": "created",
        "endpoint": "https://Example.com./a?b=c",
        "body": "{}",
    }
    return outbox.Event(**{**event, **fields})


@pytest.mark.django_db
def test_event_becomes_a_waiting_row(workspace: Workspace):
    outbox.add([_event(workspace, secret="x.y", sealed_to="task:1", dialect="v2", occurred_at=AT)])

    row = Delivery.objects.of(workspace.pk).values().get()
    created = row.pop("created_at")
    assert row.pop("next_attempt_at") == created
    del row["id"], row["event_id"]
    assert row == {
        "workspace_id": workspace.pk,
        "subject": "task:1",
        "kind": "created",
        "endpoint": "https://Example.com./a?b=c",
        "lane": f"{workspace.pk}|example.com:443",
        "secret": "x.y",
        "sealed_to": "task:1",
        "dialect": "v2",
        "body": "{}",
        "occurred_at": AT,
        "state": "WAITING",
        "attempts": 0,
        "claim": 0,
        "log": [],
        "hook_id": None,
        "answers": [],
        "is_replay": False,
        "ended_at": None,
    }


@pytest.mark.django_db
def test_events_keep_their_order_and_are_one_statement(
    workspace: Workspace, django_assert_num_queries
):
    with django_assert_num_queries(1):
        outbox.add([_event(workspace, kind=str(n)) for n in range(50)])

    kinds = Delivery.objects.of(workspace.pk).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == [str(n) for n in range(50)]


@pytest.mark.django_db
def test_no_events_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        outbox.add([])


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("http://example.com/x", "example.com:80"),
        ("https://example.com:8443", "example.com:8443"),
        ("https://user:pass@EXAMPLE.com/", "example.com:443"),
        ("http://[2001:db8::1]/", "2001:db8::1:80"),
        ("http://[::1", "?"),
        ("http://x:99999/", "?"),
        ("nonsense", ":80"),
    ],
)
def test_lane_is_workspace_host_and_port(endpoint: str, target: str):
    assert outbox.lane_of(workspace_id=7, endpoint=endpoint) == f"7|{target}"


def test_lane_of_an_endless_name_fits_its_column():
    assert len(outbox.lane_of(workspace_id=7, endpoint=f"http://{'a' * 2000}/")) == 300


@pytest.mark.django_db(transaction=True)
def test_deliverer_is_woken_on_its_own_queue_after_the_commit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    sent: list[dict[str, Any]] = []
    monkeypatch.setitem(current_app.conf, "task_always_eager", True)
    monkeypatch.setattr(
        current_app.tasks["notifications.deliver"], "apply_async", lambda **m: sent.append(m)
    )
    with transaction.atomic():
        outbox.add([_event(workspace)])
        assert sent == []

    assert sent == [{"kwargs": {}, "retry": False, "queue": "deliver"}]


@pytest.mark.django_db(transaction=True)
def test_event_of_a_transaction_that_rolls_back_is_none(workspace: Workspace):
    with transaction.atomic():
        outbox.add([_event(workspace)])
        transaction.set_rollback(True)

    assert Delivery.objects.of(workspace.pk).count() == 0


def test_repr_of_an_event_holds_neither_body_nor_secret():
    event = outbox.Event(1, "task:1", "created", "https://e.org", "BODY", "SECRET")

    assert "BODY" not in repr(event)
    assert "SECRET" not in repr(event)


def test_beat_sends_the_jobs_to_the_queue_of_deliveries(settings):
    mine = {
        name: (entry["task"], entry["options"]["queue"])
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
        if name.startswith("notifications.")
    }

    assert mine == {
        "notifications.deliver": (jobs.deliver.name, "deliver"),
        "notifications.mail": (jobs.mail.name, "deliver"),
        "notifications.digest": (jobs.digest.name, "deliver"),
        "notifications.forget": (jobs.forget.name, "deliver"),
        "notifications.endpoints": (jobs.endpoints.name, "deliver"),
    }
