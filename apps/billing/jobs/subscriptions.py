"""Jobs about subscriptions."""

from celery import shared_task

from apps.billing.services.subscriptions import dunning


@shared_task(name="billing.dunning", ignore_result=True)
def dun() -> None:
    dunning.run()
