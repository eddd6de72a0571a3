"""Celery entry points of accounts. Each calls one service; all of them may run twice or at once."""

from celery import shared_task

from apps.byoa.services import checks, statuses


@shared_task(name="byoa.heal", ignore_result=True)
def heal() -> None:
    checks.heal()


@shared_task(name="byoa.forget", ignore_result=True)
def forget() -> None:
    statuses.forget_old_events()
