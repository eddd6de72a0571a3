"""Celery entry points of accounts. Each calls one service; all of them may run twice or at once."""

from celery import shared_task

from apps.byoa.services import backups, checks, rechecks, seats, statuses, suppliers


@shared_task(name="byoa.heal", ignore_result=True)
def heal() -> None:
    checks.heal()


@shared_task(name="byoa.forget", ignore_result=True)
def forget() -> None:
    statuses.forget_old_events()


@shared_task(name="byoa.look_at_suppliers", ignore_result=True)
def look_at_suppliers() -> None:
    suppliers.look_at_all()


@shared_task(name="byoa.seats", ignore_result=True)
def sync_seats() -> None:
    seats.sync_due()
    seats.shred_due()


@shared_task(name="byoa.backups", ignore_result=True)
def activate_backups() -> None:
    backups.activate_due()


@shared_task(name="byoa.recheck", ignore_result=True)
def recheck() -> None:
    rechecks.recheck_due()
