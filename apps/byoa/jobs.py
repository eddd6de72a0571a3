"""Celery entry points of accounts. All of them may run twice or at once."""

import logging

from celery import shared_task

from apps.byoa.services import checks, slots, statuses

log = logging.getLogger(__name__)


@shared_task(name="byoa.heal", ignore_result=True)
def heal() -> None:
    """Slots whose holders are long gone, then parked accounts that are due."""
    expired = slots.expire()
    if expired:
        log.warning("slots expired", extra={"count": expired})
    checks.heal()


@shared_task(name="byoa.forget", ignore_result=True)
def forget() -> None:
    statuses.forget_old_events()
