"""Entry point of automatic top-ups."""

from celery import shared_task

from apps.billing.services.auto_topup import watch


@shared_task(name="billing.auto_topup", ignore_result=True)
def auto_topup() -> None:
    watch.watch()
