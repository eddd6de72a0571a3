"""Sending many deliveries again: counted, bounded, in order, once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.core.errors import InvalidRequest, NotFound
from apps.notifications.models import Delivery, Endpoint, ReplayRun
from apps.notifications.services import endpoints, replay_runs
from apps.notifications.services.replay_runs import Asked
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.notifications.account.helpers import tell
from tests.notifications.conftest import pass_time
from tests.notifications.endpoints.helpers import Pump, at, listening, of
from tests.notifications.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(workspace: Workspace, receiver: Receiver) -> Endpoint:
    return listening(workspace, receiver.url())[0]


def _ended(workspace: Workspace, state: str = "FAILED", **event: Any) -> Delivery:
    tell(workspace, key=str(uuid.uuid4()), **event)
    row = Delivery.objects.of(workspace.pk).latest("id")
    Delivery.objects.of(workspace.pk).filter(pk=row.pk).update(
        state=state, attempts=8, next_attempt_at=None, ended_at=timezone.now()
    )
    return row


def _asked(minutes: float = 30, **more: Any) -> Asked:
    now = timezone.now()
    return Asked(now - timedelta(minutes=minutes), now + timedelta(minutes=1), **more)


def _start(workspace: Workspace, endpoint: Endpoint, asked: Asked, **more: Any) -> ReplayRun:
    seen = replay_runs.preview(endpoint=endpoint, asked=asked)
    given = {"run_id": uuid.uuid4(), "asked": asked, "upto_id": seen.upto_id, **more}
    return replay_runs.start(**at(workspace, endpoint, **given))


def _states(endpoint: Endpoint) -> list[str]:
    return [row.state for row in of(endpoint)]


def test_range_sends_again_what_was_counted_and_nothing_else(
    workspace: Workspace, shop: Endpoint, receiver: Receiver
) -> None:
    _ended(workspace)
    pass_time(3600)
    first, second = _ended(workspace), _ended(workspace, "STOPPED")
    _ended(workspace, "DELIVERED")
    tested = _ended(workspace)
    Delivery.objects.of(workspace.pk).filter(pk=tested.pk).update(kind="test")
    other, _ = listening(workspace, receiver.url("/other"), ("seat_ended",))
    _ended(workspace, type="seat_ended", detail={})
    asked = _asked()
    seen = replay_runs.preview(endpoint=shop, asked=asked)
    _ended(workspace)

    run = _start(workspace, shop, asked, upto_id=seen.upto_id)
    replay_runs.advance()

    run.refresh_from_db()
    assert (seen.total, run.total, run.done, run.ended_at is not None) == (2, 2, 2, True)
    waiting = Delivery.objects.of(workspace.pk).filter(state="WAITING").order_by("id")
    assert [row.pk for row in waiting] == [first.pk, second.pk]
    assert all(row.is_replay for row in waiting)
    assert _states(other) == ["FAILED"]
    event = AuditEvent.objects.of(workspace.pk).get(action="webhook_endpoint.replayed")
    assert event.detail["events"] == 2


def test_replays_come_oldest_first_and_not_all_at_once(
    workspace: Workspace, shop: Endpoint
) -> None:
    for _ in range(4):
        _ended(workspace)
    start = timezone.now() + timedelta(minutes=1)  # ahead, so that no slow test catches up with it

    _start(workspace, shop, _asked())
    ReplayRun.objects.of(workspace.pk).update(created_at=start)
    replay_runs.advance()

    waits = [row.next_attempt_at - start for row in of(shop) if row.next_attempt_at]
    assert waits == [timedelta(milliseconds=100 * n) for n in range(4)]


def test_delivered_events_are_sent_again_when_asked_for(
    workspace: Workspace, shop: Endpoint
) -> None:
    _ended(workspace, "DELIVERED")

    with pytest.raises(InvalidRequest):
        _start(workspace, shop, _asked())
    _start(workspace, shop, _asked(with_delivered=True))
    replay_runs.advance()

    assert _states(shop) == ["WAITING"]


def test_pressing_twice_makes_one_run_and_jobs_may_run_twice(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, pump: Pump
) -> None:
    _ended(workspace)
    asked, run_id = _asked(), uuid.uuid4()
    upto_id = replay_runs.preview(endpoint=shop, asked=asked).upto_id

    for _ in range(2):
        _start(workspace, shop, asked, run_id=run_id, upto_id=upto_id)
        replay_runs.advance()
        pump()

    assert (len(receiver.got), ReplayRun.objects.of(workspace.pk).count()) == (1, 1)


def test_run_goes_in_batches_and_goes_on_where_it_was_stopped(
    workspace: Workspace, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        _ended(workspace)
    monkeypatch.setattr(replay_runs, "_BATCH", 2)
    run = _start(workspace, shop, _asked())

    assert replay_runs._advance(run.pk)
    assert _states(shop).count("WAITING") == 2
    replay_runs.advance()

    run.refresh_from_db()
    assert (_states(shop), run.done) == (["WAITING"] * 5, 5)


def test_run_is_bounded_and_says_so(
    workspace: Workspace, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runs, "MOST", 2)
    for _ in range(3):
        _ended(workspace)
    asked = _asked()

    seen = replay_runs.preview(endpoint=shop, asked=asked)
    _start(workspace, shop, asked)
    replay_runs.advance()

    assert (seen.total, seen.is_cut) == (2, True)
    assert _states(shop) == ["WAITING", "WAITING", "FAILED"]


def test_run_of_an_endpoint_that_was_deleted_ends_without_sending(
    workspace: Workspace, shop: Endpoint
) -> None:
    _ended(workspace)
    run = _start(workspace, shop, _asked())
    endpoints.delete(**at(workspace, shop))

    replay_runs.advance()

    run.refresh_from_db()
    assert (run.done, run.ended_at is not None, _states(shop)) == (0, True, ["FAILED"])


def test_paused_endpoint_and_a_second_run_are_refused(workspace: Workspace, shop: Endpoint) -> None:
    _ended(workspace)
    _start(workspace, shop, _asked())
    with pytest.raises(InvalidRequest, match="under way"):
        _start(workspace, shop, _asked())
    replay_runs.advance()
    endpoints.pause(**at(workspace, shop))

    with pytest.raises(InvalidRequest, match="Resume"):
        _start(workspace, shop, _asked())


def test_run_of_one_endpoint_keeps_none_of_another(workspace: Workspace, shop: Endpoint) -> None:
    _ended(workspace)
    other, _ = listening(workspace, "https://other.example.com/", ("seat_ended",))
    _ended(workspace, type="seat_ended", detail={})

    _start(workspace, shop, _asked())
    _start(workspace, other, _asked())
    replay_runs.advance()

    assert (_states(shop), _states(other)) == (["WAITING"], ["WAITING"])


def test_neighbour_can_replay_nothing(workspace: Workspace, shop: Endpoint) -> None:
    _ended(workspace)
    neighbour = WorkspaceFactory.create()
    run = _start(workspace, shop, _asked())
    theirs, _ = listening(neighbour)

    with pytest.raises(NotFound):
        _start(neighbour, shop, _asked())
    with pytest.raises(InvalidRequest):
        _start(neighbour, theirs, _asked(), run_id=run.pk)

    assert _states(shop) == ["FAILED"]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_jobs_at_once_send_each_event_once() -> None:
    workspace = WorkspaceFactory.create()
    shop, _ = listening(workspace)
    for _ in range(12):
        _ended(workspace)
    run = _start(workspace, shop, _asked())

    problems = at_once(*[replay_runs.advance] * 4)

    run.refresh_from_db()
    assert problems == []
    assert (run.done, _states(shop)) == (12, ["WAITING"] * 12)
