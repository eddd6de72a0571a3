"""Credits that expire."""

from celery import shared_task

from apps.billing.services import lots


@shared_task(name="billing.expire", ignore_result=True)
def expire() -> None:
    lots.expire_due()


@shared_task(name="billing.fold", ignore_result=True)
def fold() -> None:
    lots.fold_all()


@shared_task(name="billing.warn_expiry", ignore_result=True)
def warn_expiry() -> None:
    lots.warn()
