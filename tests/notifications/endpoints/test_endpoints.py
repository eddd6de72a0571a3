"""Endpoints of a workspace: what they may be, their secrets, and what reaches them."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.core.errors import InvalidRequest, NotFound, PlanRequired
from apps.notifications import jobs
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.selectors import listening as reading
from apps.notifications.services import endpoints, hooks
from apps.notifications.services.endpoints import Terms, TooManyEndpoints
from apps.notifications.services.replay import replay
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.notifications.account.helpers import signature, tell
from tests.notifications.conftest import pass_time
from tests.notifications.endpoints.helpers import URL, Pump, anybody, at, by, listening, of
from tests.notifications.receiver import Handler, Receiver, status

pytestmark = pytest.mark.django_db


def test_account_event_reaches_the_endpoints_that_chose_it_signed(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, secret = listening(workspace, receiver.url("/a"))
    listening(workspace, receiver.url("/b"), ("seat_ended", "mj_bot_banned"))
    listening(workspace, receiver.url("/c"), ("seat_ended",))
    listening(WorkspaceFactory.create(), receiver.url("/d"))

    tell(workspace)
    pump()

    got = {one.path: one for one in receiver.got}
    assert sorted(got) == ["/a", "/b"]
    assert json.loads(got["/a"].body)["type"] == "mj_bot_banned"
    assert got["/a"].headers["webhook-signature"] == signature(secret, got["/a"])
    assert [row.state for row in of(made)] == ["DELIVERED"]


def test_account_hook_is_told_besides_and_alone_follows_the_preferences(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    url = receiver.url("/hook")
    hooks.set_hook(workspace_id=workspace.pk, url=url, actor=by(workspace).actor)
    listening(workspace, receiver.url("/endpoint"))

    tell(workspace)
    pump()

    assert sorted(one.path for one in receiver.got) == ["/endpoint", "/hook"]


def test_plan_without_account_events_sends_none(workspace: Workspace) -> None:
    made, _ = listening(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    tell(workspace)

    assert of(made) == []


def test_secret_is_sealed_and_the_audit_names_the_host_alone(workspace: Workspace) -> None:
    made, secret = listening(workspace)

    row = Endpoint.objects.of(workspace.pk).values().get()
    assert secret.startswith("whsec_")
    assert secret.removeprefix("whsec_") not in str(row)
    event = AuditEvent.objects.of(workspace.pk).get(action="webhook_endpoint.created")
    assert (event.target, event.ip) == ("hooks.example.com", "203.0.113.9")
    assert event.detail == {"endpoint": str(made.pk), "events": ["mj_bot_banned"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ""},
        {"url": "ftp://e.example/"},
        {"url": "http://127.0.0.1/"},
        {"url": "http://localhost/"},
        {"url": "https://[::1"},
        {"url": "https://e.example:8080/"},
        {"url": "https://e.example/" + "a" * 2048},
        {"description": "a" * 101},
        {"events": ()},
        {"events": ("task.exploded",)},
        {"events": ("webhook_failing",)},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(
    workspace: Workspace, wrong: dict[str, Any]
) -> None:
    given = {"url": URL, "description": "", "events": ("task.failed",), **wrong}

    with pytest.raises(InvalidRequest):
        endpoints.create(workspace_id=workspace.pk, terms=Terms(**given), by=by(workspace))

    assert not Endpoint.objects.of(workspace.pk).exists()


def test_hobbyist_has_one_endpoint_for_tasks_only(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    with pytest.raises(PlanRequired):
        listening(workspace)
    made, _ = listening(workspace, events=("task.failed",))
    with pytest.raises(TooManyEndpoints):
        listening(workspace, events=("task.failed",))
    endpoints.delete(**at(workspace, made))

    listening(workspace, events=("task.failed",))


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_endpoints_added_at_once_stay_within_the_plan() -> None:
    workspace = WorkspaceFactory.create()
    for _ in range(4):
        listening(workspace)

    problems = at_once(*[lambda: listening(workspace)] * 4)

    assert [type(one) for one in problems] == [TooManyEndpoints] * 3
    assert Endpoint.objects.of(workspace.pk).count() == 5


def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, old = listening(workspace, receiver.url())
    tell(workspace)  # waits while the secret is changed

    new = endpoints.rotate(**at(workspace, made))
    pump()
    with pytest.raises(InvalidRequest):
        endpoints.rotate(**at(workspace, made))
    Endpoint.objects.of(workspace.pk).update(previous_until=timezone.now() - timedelta(seconds=1))
    tell(workspace, key="again")
    pump()

    first, second = receiver.got
    assert first.headers["webhook-signature"].split() == [
        signature(new, first),
        signature(old, first),
    ]
    assert first.headers["x-webhook-secret"] == new
    assert second.headers["webhook-signature"] == signature(new, second)


def test_overlap_can_be_ended_at_once(workspace: Workspace, receiver: Receiver, pump: Pump) -> None:
    made, _ = listening(workspace, receiver.url())
    new = endpoints.rotate(**at(workspace, made))

    for _ in range(2):
        endpoints.end_overlap(**at(workspace, made))
    tell(workspace)
    pump()

    (got,) = receiver.got
    assert got.headers["webhook-signature"] == signature(new, got)
    actions = AuditEvent.objects.of(workspace.pk).filter(action="webhook_endpoint.overlap_ended")
    assert actions.count() == 1


def test_paused_endpoint_gets_nothing_and_keeps_it_for_replay(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url())
    endpoints.pause(**at(workspace, made))

    tell(workspace)
    pump()
    (row,) = of(made)
    assert (receiver.got, row.state, row.log[-1]["status"]) == ([], "STOPPED", None)

    endpoints.resume(**at(workspace, made))
    replay(workspace_id=workspace.pk, event_id=row.event_id)
    pump()
    assert len(receiver.got) == 1


def test_one_replay_reaches_an_endpoint_that_is_paused(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url())
    endpoints.pause(**at(workspace, made))
    tell(workspace)
    pump()

    replay(workspace_id=workspace.pk, event_id=of(made)[0].event_id)
    pump()

    assert [row.state for row in of(made)] == ["DELIVERED"]


def test_deleted_endpoint_gets_nothing_not_even_a_replay(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url())
    tell(workspace)
    endpoints.delete(**at(workspace, made))

    pump()
    replay(workspace_id=workspace.pk, event_id=of(made)[0].event_id)
    pump()
    tell(workspace, key="later")

    assert (receiver.got, [row.state for row in of(made)]) == ([], ["STOPPED"])
    row = Endpoint.objects.of(workspace.pk).get()
    assert (row.secret, row.both_secrets, row.state) == ("", "", "DELETED")
    assert reading.shown_endpoints(workspace_id=workspace.pk) == []


def test_deleted_endpoint_is_forgotten_with_its_log(workspace: Workspace) -> None:
    made, _ = listening(workspace)
    tell(workspace)
    endpoints.delete(**at(workspace, made))
    Delivery.objects.of(workspace.pk).update(
        state="STOPPED", next_attempt_at=None, ended_at=timezone.now()
    )
    Endpoint.objects.of(workspace.pk).update(state_since=timezone.now() - timedelta(days=31))

    jobs.forget()
    assert Endpoint.objects.of(workspace.pk).count() == 1
    pass_time(31 * 86_400)
    jobs.forget()

    assert not Endpoint.objects.of(workspace.pk).exists()


def test_what_waits_goes_to_the_new_address(
    workspace: Workspace, receiver: Receiver, other_receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url())
    tell(workspace)

    terms = Terms(url=other_receiver.url(), description="", events=["mj_bot_banned"])
    endpoints.change(**at(workspace, made, terms=terms))
    pump()

    assert (len(receiver.got), len(other_receiver.got)) == (0, 1)
    assert str(other_receiver.port) in of(made)[0].lane


@pytest.mark.parametrize("what", ["rotate", "end_overlap", "pause", "resume", "delete"])
def test_neighbours_endpoint_does_not_exist(workspace: Workspace, what: str) -> None:
    theirs, _ = listening(WorkspaceFactory.create())
    before = Endpoint.objects.across_workspaces().values().get()
    act: Callable[..., Any] = getattr(endpoints, what)

    for who in (at(workspace, theirs), anybody(workspace)):
        with pytest.raises(NotFound):
            act(**who)

    assert Endpoint.objects.across_workspaces().values().get() == before
    with pytest.raises(NotFound):
        reading.endpoint(workspace_id=workspace.pk, endpoint_id=theirs.pk)


def test_answers_are_kept_cut_and_without_our_secret(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url())

    def echo(handler: Handler) -> None:
        secret = handler.headers["x-webhook-secret"]
        body = f"{secret} {secret.removeprefix('whsec_')} \0 ü".encode() + b"x" * 9000
        status(500, body, X_Echo=secret, Set_Cookie="sid=1")(handler)

    receiver.answers["/hook"] = echo
    tell(workspace)
    pump()

    (row,) = of(made)
    (answer,) = row.answers
    assert answer["body"].startswith("[secret] [secret]  ü")
    assert len(answer["body"].encode()) <= 4096
    assert answer["headers"]["x-echo"] == "[secret]"
    assert "set-cookie" not in answer["headers"]
    assert row.log[-1]["status"] == 500


def test_answers_to_a_tasks_own_webhook_are_not_kept(
    receiver: Receiver, pump: Pump, add: Callable[..., Delivery]
) -> None:
    receiver.answers["/hook"] = status(500, b"private")
    row = add(receiver.url())

    pump()

    row.refresh_from_db()
    assert (row.answers, row.log[-1]["status"]) == ([], 500)


def test_event_that_is_undone_reaches_nobody(workspace: Workspace) -> None:
    made, _ = listening(workspace)

    with transaction.atomic():
        tell(workspace)
        transaction.set_rollback(True)

    assert of(made) == []
