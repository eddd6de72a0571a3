"""Whether this worker has been asked to stop: what loops in a job asks, and ends.

A worker that is told to stop waits for its jobs, but only its main process hears of it. The flag lies in memory that
the main process shares with those it forks.
"""

import multiprocessing
from multiprocessing.synchronize import Event
from typing import Any

from celery.signals import worker_init, worker_shutting_down

_asked: Event | None = None


def is_stopping() -> bool:
    return _asked is not None and _asked.is_set()


@worker_init.connect
def _prepare(**_: Any) -> None:
    # Before the pool forks; one for each worker, also where several were forked from one process.
    global _asked
    _asked = multiprocessing.get_context("fork").Event()


@worker_shutting_down.connect
def _note(**_: Any) -> None:
    if _asked is not None:
        _asked.set()
