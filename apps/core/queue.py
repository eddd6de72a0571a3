"""The one way to hand work to Celery.

A message is only a hint: the row it speaks of is the truth, and a sweep finds every row whose message was lost. So a
broker that is away costs time, never a task, and sending never raises into the caller's transaction.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction

log = logging.getLogger(__name__)


def enqueue(job: str, /, **arguments: Any) -> None:
    """Run a job once the current transaction has committed.

    Jobs are named, not imported: a service may enqueue the job that calls it back without the two
    modules importing each other. Arguments are ids and plain values. A name that no app defines raises at once.
    """
    task = current_app.tasks[job]
    transaction.on_commit(partial(_send, task, arguments))


def send(
    job: str,
    /,
    *,
    queue: str | None = None,
    time_limit: int | None = None,
    expires: int | None = None,
    **arguments: Any,
) -> bool:
    """Send now, from code that holds no transaction. Says whether the broker took it."""
    given = {"queue": queue, "time_limit": time_limit, "expires": expires}
    options = {name: value for name, value in given.items() if value is not None}
    return _send(current_app.tasks[job], arguments, **options)


def _send(task: Any, arguments: dict[str, Any], **options: Any) -> bool:
    try:
        task.apply_async(kwargs=arguments, retry=False, **options)
    except Exception as error:
        # kombu, redis and socket errors have no common ancestor. The sweep will send the row again.
        if current_app.conf.task_always_eager:
            raise
        log.warning("job not sent", extra={"job": task.name, "error": type(error).__name__})
        return False
    return True


_BREATH_SECONDS = 0.05
# A wake-up that waited so long in a queue has been overtaken by the beat's.
_STALE_SECONDS = 5


class Wake:
    """Wakes a job soon, off the caller's path, however often it is called.

    Publishing costs the request more than its own SQL, and one dispatch serves every row that waits.
    So callers only set a flag; a daemon thread publishes, and all calls made while it does so share
    the next message. A process that dies with its flag set loses nothing: the sweep wakes the same
    job. `unless` says that no message is needed, because somebody looks by itself.
    """

    def __init__(
        self, job: str, *, queue: str | None = None, unless: Callable[[], bool] | None = None
    ) -> None:
        self._job = job
        self._queue = queue
        self._unless = unless
        self._notice: Callable[[], None] | None = None
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    @contextmanager
    def handled_by(self, notice: Callable[[], None]) -> Iterator[None]:
        """Within, this process does the job itself: a call only tells it, and nothing is published."""
        before, self._notice = self._notice, notice
        try:
            yield
        finally:
            self._notice = before

    def _reset(self) -> None:
        # A forked child has no copy of the parent's thread, and its copies of locks may be held by nobody.
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._is_running = False

    def after_commit(self) -> None:
        transaction.on_commit(self.now)

    def now(self) -> None:
        if self._notice is not None:
            self._notice()
            return
        if current_app.conf.task_always_eager:
            send(self._job, queue=self._queue)
            return
        self._flag.set()
        if not self._is_running:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._is_running:
                return
            threading.Thread(target=self._run, name=f"wake:{self._job}", daemon=True).start()
            self._is_running = True

    def _run(self) -> None:
        while self._flag.wait():
            self._flag.clear()
            if self._unless is None or not self._unless():
                send(self._job, queue=self._queue, expires=_STALE_SECONDS)
            # Under load a message for every call would cost this process as much as the calls themselves. The first
            # wakes at once; those of the next moment share one.
            time.sleep(_BREATH_SECONDS)
