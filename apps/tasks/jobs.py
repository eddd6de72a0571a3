"""Celery entry points of tasks: each calls one service. All of them may run twice or at once."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from celery import shared_task

from apps.byoa.services import slots
from apps.tasks.services import account_hours, failover, loads, penalties_waive, roll_up, slices
from apps.tasks.services import dispatch as dispatching
from apps.tasks.services import execute as executing
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
    failover.look_after()
    if ended:
        log.warning("tasks past their deadline", extra={"count": ended})


@shared_task(name="tasks.forget", ignore_result=True)
def forget() -> None:
    sweeping.forget_idempotency_keys()


@shared_task(name="tasks.give_back_penalties", ignore_result=True)
def give_back_penalties() -> None:
    """Of days that were waived while their tasks still ran."""
    penalties_waive.give_back_due()


@shared_task(name="tasks.count_usage", ignore_result=True)
def count_usage() -> None:
    roll_up.count_all_new()
    slices.count_all_new()


@shared_task(name="tasks.sum_costs", ignore_result=True)
def sum_costs() -> None:
    """Today's and yesterday's costs as they stand."""
    roll_up.sum_costs_of(last=datetime.now(UTC).date(), days=2)


@shared_task(name="tasks.sum_accounts", ignore_result=True)
def sum_accounts() -> None:
    account_hours.sum_up(hours=account_hours.RECENT_HOURS)


@shared_task(name="tasks.recount_usage", ignore_result=True)
def recount_usage() -> None:
    """By night: the last two days from the ledger again, and costs that came late."""
    today = datetime.now(UTC).date()
    for difference in roll_up.differences(first=today - timedelta(days=2)):
        log.error("usage differs from the ledger", extra={"reason": str(difference)})
    for changed in slices.differences(first=today - timedelta(days=2)):
        log.warning("usage slices differ from their sources", extra={"reason": str(changed)})
    for back in (2, 1, 0):
        roll_up.recount_day(day=today - timedelta(days=back))
        slices.recount_day(day=today - timedelta(days=back))
    slices.forget(now=datetime.now(UTC))
    roll_up.sum_costs_of(last=today, days=roll_up.LATE_COST_DAYS)
    account_hours.sum_up(hours=24 * roll_up.LATE_COST_DAYS)
