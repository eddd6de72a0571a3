"""Celery entry points of tasks: each calls one service. All of them may run twice or at once."""

import logging
from uuid import UUID

import structlog
from celery import shared_task

from apps.byoa.services import slots
from apps.tasks.services import dispatch as dispatching
from apps.tasks.services import execute as executing
from apps.tasks.services import loads
from apps.tasks.services import sweep as sweeping
from apps.tasks.services.remote import pump

log = logging.getLogger(__name__)


@shared_task(name="tasks.dispatch", ignore_result=True)
def dispatch() -> None:
    dispatching.dispatch()


@shared_task(name="tasks.execute", ignore_result=True)
def execute(*, task_id: str) -> None:
    with structlog.contextvars.bound_contextvars(task_id=task_id):
        executing.execute(task_id=UUID(task_id))


# The loop ends by itself; being killed in the middle would make it look up everything it was sending.
@shared_task(name="tasks.work", ignore_result=True, time_limit=86_400)
def work() -> None:
    pump.work()


@shared_task(name="tasks.sweep", ignore_result=True)
def sweep() -> None:
    ended = sweeping.fail_overdue()
    loads.promote_staged()
    slots.expire()
    if ended:
        log.warning("tasks past their deadline", extra={"count": ended})


@shared_task(name="tasks.forget", ignore_result=True)
def forget() -> None:
    sweeping.forget_idempotency_keys()
