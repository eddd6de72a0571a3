"""Celery entry points of operations, and the worker's sign of life."""

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from apps.ops import audit, health

log = logging.getLogger(__name__)


@shared_task(name="ops.audit", ignore_result=True)
def audit_credits() -> None:
    """Prove the ledger; every difference is an error in the log."""
    differences = audit.differences()
    for difference in differences:
        log.error("credits do not balance", extra={"reason": difference})
    if not differences:
        log.info("credits balance")


@shared_task(name="ops.audit_work", ignore_result=True)
def audit_work() -> None:
    """Prove what is counted and held for unfinished work; every difference is an error in the log."""
    for difference in audit.work_differences():
        log.error("work does not add up", extra={"reason": difference})


@worker_ready.connect
def _start_beating(sender: Any, **_: Any) -> None:
    """From the consumer's own timer, so that a worker whose loop hangs goes silent too."""
    queues = list(sender.app.amqp.queues.consume_from)

    def beat() -> None:
        health.beat(worker=sender.hostname, queues=queues)

    beat()
    sender.timer.call_repeatedly(health.BEAT_SECONDS, beat)
    worker_shutting_down.connect(
        lambda **_: health.forget(worker=sender.hostname, queues=queues), weak=False
    )
