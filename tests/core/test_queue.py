import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from celery.exceptions import NotRegistered
from django.db import transaction

from apps.core import queue
from apps.core.queue import Wake, enqueue, send

JOB = "tasks.dispatch"


class Sent:
    """The messages that reached the broker's side of `apply_async`, with a gate to hold them up."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)

    def take(self, **message: Any) -> None:
        self.messages.append(message)
        self.arrived.release()
        self.gate.wait(5)

    def wait(self) -> bool:
        """Whether one more message came within five seconds."""
        return self.arrived.acquire(timeout=5)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent = Sent()
    monkeypatch.setattr(current_app.tasks[JOB], "apply_async", sent.take)
    return sent


@pytest.fixture
def unreachable_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The app on a Redis that is not there: a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    _use_broker(monkeypatch, url)
    yield
    # While the address is still the wrong one: pools are found by it, and the right one's is everybody's.
    current_app.pool.force_close_all()
    monkeypatch.undo()
    current_app.amqp._producer_pool = None
    current_app._pool = None


def _use_broker(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    # The configuration is read when a connection is opened. One try is enough to learn that nobody is there.
    monkeypatch.setitem(current_app.conf, "broker_transport_options", {"max_retries": 0})
    monkeypatch.setitem(current_app.conf, "broker_url", url)
    monkeypatch.setitem(current_app.conf, "broker_write_url", url)
    current_app.amqp._producer_pool = None
    current_app._pool = None


def test_send_gives_queue_limit_and_arguments(sent: Sent):
    assert send(JOB, queue="local", time_limit=60, task_id="a") is True

    assert sent.messages == [
        {"kwargs": {"task_id": "a"}, "retry": False, "queue": "local", "time_limit": 60}
    ]


@pytest.mark.django_db(transaction=True)
def test_enqueued_job_is_sent_after_the_commit(sent: Sent):
    with transaction.atomic():
        enqueue(JOB, task_id="a")
        assert sent.messages == []

    assert sent.messages == [{"kwargs": {"task_id": "a"}, "retry": False}]


@pytest.mark.django_db(transaction=True)
def test_job_of_a_transaction_that_rolls_back_is_not_sent(sent: Sent):
    with transaction.atomic():
        enqueue(JOB)
        transaction.set_rollback(True)

    assert sent.messages == []


def test_name_that_no_app_defines_raises_where_it_is_used():
    with pytest.raises(NotRegistered):
        enqueue("tasks.dispach")
    with pytest.raises(NotRegistered):
        send("tasks.dispach")


@pytest.mark.usefixtures("unreachable_broker")
def test_send_to_a_broker_that_is_away_says_so_and_does_not_raise(
    caplog: pytest.LogCaptureFixture,
):
    assert send(JOB) is False

    assert [(record.message, record.job) for record in caplog.records] == [("job not sent", JOB)]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("unreachable_broker")
@pytest.mark.django_db(transaction=True)
def test_commit_does_not_fail_when_the_broker_is_away():
    with transaction.atomic():
        enqueue(JOB)


def test_wake_sends_off_the_callers_thread(sent: Sent):
    sent.gate.clear()

    Wake(JOB).now()  # would block here if it sent by itself

    assert sent.wait()
    sent.gate.set()
    # A wake-up that nobody took in time is not worth keeping.
    assert sent.messages == [{"kwargs": {}, "retry": False, "expires": 5}]


def test_job_that_this_process_does_itself_is_told_and_not_sent(sent: Sent):
    told: list[str] = []
    wake = Wake(JOB)

    with wake.handled_by(lambda: told.append("told")):
        wake.now()

    assert (told, sent.messages) == (["told"], [])


def test_calls_while_a_message_is_being_sent_share_the_next(sent: Sent):
    wake = Wake(JOB)
    sent.gate.clear()
    wake.now()
    assert sent.wait()

    for _ in range(1000):
        wake.now()
    sent.gate.set()

    assert sent.wait()
    assert not sent.arrived.acquire(timeout=0.2)
    assert len(sent.messages) == 2


def test_threads_that_call_at_once_start_one_sender(sent: Sent):
    wake = Wake(JOB)
    threads = [threading.Thread(target=wake.now) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sent.wait()
    assert [t.name for t in threading.enumerate()].count(f"wake:{JOB}") - _earlier(wake) == 1


def _earlier(wake: Wake) -> int:
    """Senders of other Wakes, which wait for the rest of the process's life."""
    own = [t for t in threading.enumerate() if t.name == f"wake:{JOB}"]
    return sum(t._target.__self__ is not wake for t in own)  # type: ignore[attr-defined]


def test_sender_survives_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch):
    tries = threading.Semaphore(0)

    def refuse(**_: Any) -> None:
        tries.release()
        raise ConnectionError

    monkeypatch.setattr(current_app.tasks[JOB], "apply_async", refuse)
    wake = Wake(JOB)

    for _ in range(3):
        wake.now()
        assert tries.acquire(timeout=5)


@pytest.mark.django_db(transaction=True)
def test_wake_after_commit_waits_for_the_commit(sent: Sent):
    with transaction.atomic():
        Wake(JOB).after_commit()
        assert not sent.arrived.acquire(timeout=0.1)

    assert sent.wait()


def test_wake_works_in_a_forked_child_too(sent: Sent):
    wake = Wake(JOB)
    wake.now()
    assert sent.wait()
    with wake._lock:  # a thread of the parent holds it at the moment of the fork
        code = _in_child(lambda: wake.now() or sent.wait())

    assert code == 0


def _in_child(works: Callable[[], Any]) -> int:
    """The exit code of a forked child: 0 when `works` says so."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if works() else 1
        finally:
            os._exit(code)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        threading.Event().wait(0.02)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


def test_eager_wake_sends_at_once(monkeypatch: pytest.MonkeyPatch, sent: Sent):
    monkeypatch.setitem(current_app.conf, "task_always_eager", True)

    Wake(JOB).now()

    assert len(sent.messages) == 1


def test_module_names_jobs_and_imports_none():
    assert "jobs" not in vars(queue)
