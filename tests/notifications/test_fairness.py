"""No lane waits for another, no two pumps send one claim, and a pump that dies loses nothing."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import uvloop
from celery import current_app
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Workspace
from apps.core import egress, turns
from apps.notifications import jobs
from apps.notifications.models import Delivery
from apps.notifications.services import claims, deliver, outbox, signing
from apps.notifications.services.claims import Outcome
from apps.notifications.services.lanes import FIRST_WINDOW, IN_FLIGHT, UNPROVEN, Lanes
from tests.factories import WorkspaceFactory
from tests.notifications.conftest import pass_time
from tests.notifications.receiver import Handler, Receiver, hang, status

Add = Callable[..., Delivery]
Pump = Callable[..., bool]


def _events(workspace: Workspace, endpoint: str, count: int) -> list[outbox.Event]:
    return [
        outbox.Event(workspace.pk, f"task:{n}", "completed", endpoint, body=str(n))
        for n in range(count)
    ]


def _rows() -> Any:
    return Delivery.objects.across_workspaces()


@pytest.mark.django_db
@pytest.mark.parametrize("behaviour", ["hangs", "refuses"])
def test_2000_events_for_a_dead_receiver_delay_nobody(
    workspace: Workspace,
    receiver: Receiver,
    other_receiver: Receiver,
    pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
):
    # It hangs for as long as the pump runs: whatever is delivered did not wait for it.
    monkeypatch.setattr(signing, "TIMEOUT_SECONDS", 60)
    receiver.answers["/dead"] = hang
    dead = receiver.url("/dead") if behaviour == "hangs" else "http://127.0.0.1:1/"
    outbox.add(_events(workspace, dead, 2000))
    outbox.add(_events(WorkspaceFactory.create(), other_receiver.url(), 40))
    outbox.add(_events(workspace, other_receiver.url("/own"), 40))

    pump(slice_seconds=1.5)

    alive = _rows().exclude(endpoint=dead)
    assert list(alive.values_list("state", "attempts").distinct()) == [("DELIVERED", 1)]
    assert len(other_receiver.bodies()) == len(other_receiver.bodies("/own")) == 40
    assert receiver.peak["/dead"] <= FIRST_WINDOW
    tried = _rows().filter(endpoint=dead, claim__gt=0).count()
    assert 0 < tried <= 3 * FIRST_WINDOW


@pytest.mark.django_db
def test_many_dead_hosts_of_one_customer_leave_room_for_the_others(
    workspace: Workspace, receiver: Receiver, pump: Pump, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(signing, "TIMEOUT_SECONDS", 60)
    receiver.answers["/dead"] = hang
    _resolve_here(monkeypatch)
    dead = [f"http://dead{n}.test:{receiver.port}/dead" for n in range(600)]
    outbox.add([event for url in dead for event in _events(workspace, url, 1)])
    outbox.add(_events(WorkspaceFactory.create(), receiver.url(), 40))

    pump(slice_seconds=1.5)

    assert len(receiver.bodies()) == 40
    assert len(receiver.bodies("/dead")) == receiver.peak["/dead"] == UNPROVEN


def _resolve_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name below .test is this machine."""
    resolve = socket.getaddrinfo

    def here(host: Any, *args: Any, **options: Any) -> list[Any]:
        return resolve("127.0.0.1" if host.endswith(".test") else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@pytest.mark.django_db
def test_lane_that_comes_back_is_emptied_in_one_go(
    workspace: Workspace, receiver: Receiver, pump: Pump
):
    outbox.add(_events(workspace, receiver.url(), 300))

    pump()

    assert sorted(receiver.bodies(), key=int) == [str(n).encode() for n in range(300)]
    assert receiver.peak["/hook"] <= 32


@pytest.mark.django_db
def test_walk_finds_each_lane_with_something_due_once_and_in_two_steps(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    for n in range(5):
        outbox.add(_events(workspace, f"https://host{n}.example/", 20))
    _rows().filter(lane__contains="host3").update(next_attempt_at="2999-01-01T00:00Z")
    monkeypatch.setattr(claims, "_LANES_WALKED", 3)

    first = claims.walk(after="")
    second = claims.walk(after=first.goes_on_after)

    lanes = [f"{workspace.pk}|host{n}.example:443" for n in range(5)]
    assert (first.lanes, first.goes_on_after) == (lanes[:3], lanes[2])
    assert (second.lanes, second.goes_on_after) == ([lanes[4]], "")


@pytest.mark.django_db
def test_taking_work_asks_the_database_twice_however_many_lanes(workspace: Workspace):
    counts = []
    for lanes in (1, 30):
        for n in range(lanes):
            outbox.add(_events(workspace, f"https://h{n}.example/", 3))
        with CaptureQueriesContext(connection) as queries:
            found = claims.walk(after="")
            claims.take(shares=Lanes().share(found.lanes, now=0))
        counts.append(len(queries))

    assert counts == [2, 2]


@pytest.mark.django_db
def test_claim_is_a_lease_and_only_the_newest_may_write(workspace: Workspace):
    outbox.add(_events(workspace, "https://h.example/", 1))
    [lane] = claims.walk(after="").lanes
    [first] = claims.take(shares={lane: 5})
    assert claims.walk(after="").lanes == []
    assert claims.take(shares={lane: 5}) == []

    pass_time(claims.LEASE_SECONDS + 1)
    [second] = claims.take(shares={lane: 5})
    late = Outcome(first.id, first.claim, "FAILED", 0, 500, "late", 1)
    good = Outcome(second.id, second.claim, "DELIVERED", 0, 200, "", 1)

    assert (first.claim, second.claim) == (1, 2)
    assert claims.record(outcomes=[late]) == set()
    assert claims.record(outcomes=[good]) == {second.id}
    assert claims.record(outcomes=[good]) == set()
    row = _rows().get()
    assert (row.state, row.attempts, len(row.log)) == ("DELIVERED", 1, 1)


@pytest.mark.django_db
def test_slice_that_ends_before_the_work_says_so(
    workspace: Workspace, receiver: Receiver, pump: Pump
):
    receiver.answers["/hook"] = hang
    outbox.add(_events(workspace, receiver.url(), 1))

    assert pump(slice_seconds=0.2) is True
    # Cut off in mid-flight: nothing was learnt, nothing is written, its lease runs.
    row = _rows().get()
    assert (row.state, row.attempts, row.claim, row.log) == ("WAITING", 0, 1, [])
    assert deliver._lanes.in_flight == 0


@pytest.mark.django_db
def test_job_whose_slice_ended_sends_itself_again(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    sent: list[dict[str, Any]] = []
    job = current_app.tasks["notifications.deliver"]
    monkeypatch.setattr(job, "apply_async", lambda **message: sent.append(message))
    monkeypatch.setitem(deliver.deliver.__kwdefaults__, "slice_seconds", 0.2)
    monkeypatch.setitem(deliver.deliver.__kwdefaults__, "linger_seconds", 0)
    jobs.deliver()
    assert sent == []
    receiver.answers["/hook"] = hang
    outbox.add(_events(workspace, receiver.url(), 1))

    jobs.deliver()

    assert sent == [{"kwargs": {}, "retry": False, "queue": "deliver"}]


@pytest.mark.django_db
def test_second_pump_does_nothing_while_the_first_has_its_turn(
    workspace: Workspace, receiver: Receiver, pump: Pump
):
    outbox.add(_events(workspace, receiver.url(), 1))
    with turns.taken(deliver.TURN) as turn:
        assert turn is not None
        assert pump() is False
        assert receiver.got == []

    pump()
    assert len(receiver.got) == 1


@pytest.mark.django_db
def test_turn_is_kept_by_its_holder_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(turns, "_RENEW_SECONDS", 0)
    with turns.taken("t") as first:
        assert first is not None
        assert first.keep()
        cache.clear()
        assert first.keep()
        cache.clear()
        with turns.taken("t") as second:
            assert second is not None
            assert not first.keep()
            first.release()
            assert second.keep()


def _pump_of_its_own(failed: list[BaseException]) -> None:
    """A whole pump, as another process would run it: own connection, own lanes, no turn asked for."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            session = egress.Session(connections=IN_FLIGHT, per_host=IN_FLIGHT)
            runner.run(session.__aenter__())
            pump = deliver.Pump(runner.get_loop(), session.send, Lanes())
            pump.run(slice_seconds=20, linger_seconds=0.3)
            runner.run(session.__aexit__(None, None, None))
    except BaseException as error:
        failed.append(error)
        raise
    finally:
        connection.close()


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_pumps_at_once_never_send_one_claim_twice(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    _resolve_here(monkeypatch)
    outbox.add(_events(workspace, receiver.url(), 300))
    outbox.add(_events(workspace, f"http://b.test:{receiver.port}/hook", 300))
    failed: list[BaseException] = []
    pumps = [threading.Thread(target=_pump_of_its_own, args=(failed,)) for _ in range(3)]
    for thread in pumps:
        thread.start()
    for thread in pumps:
        thread.join()

    assert failed == []
    sent = [got.headers["webhook-id"] for got in receiver.got]
    assert (len(sent), len(set(sent))) == (600, 600)
    assert list(_rows().values_list("state", "attempts", "claim").distinct()) == [
        ("DELIVERED", 1, 1)
    ]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_event_of_a_pump_that_was_killed_is_sent_again(
    workspace: Workspace, receiver: Receiver, pump: Pump
):
    receiver.answers["/hook"] = hang
    outbox.add(_events(workspace, receiver.url(), 1))
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            deliver.deliver()
        finally:
            os._exit(0)
    assert receiver.arrived.acquire(timeout=20)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    del receiver.answers["/hook"]
    cache.clear()  # or the dead one's turn lasts some seconds longer

    pump()
    assert len(receiver.got) == 1  # its lease runs
    pass_time(claims.LEASE_SECONDS + 1)
    pump()

    first, second = receiver.got
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    row = _rows().get()
    assert (row.state, row.attempts, row.claim) == ("DELIVERED", 1, 2)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_outcome_outlives_a_database_session_that_is_cut_meanwhile(
    workspace: Workspace, receiver: Receiver, pump: Pump
):
    def cut_and_acknowledge(handler: Handler) -> None:
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        status(200)(handler)

    receiver.answers["/hook"] = cut_and_acknowledge
    outbox.add(_events(workspace, receiver.url(), 1))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]

    with pytest.raises(OperationalError):
        pump()

    row = _rows().get()
    assert (row.state, row.attempts, len(receiver.got)) == ("DELIVERED", 1, 1)
    assert deliver._lanes.in_flight == 0
