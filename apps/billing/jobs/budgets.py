"""Budgets and balances that people are told of."""

from celery import shared_task

from apps.billing.services import alerts, budgets


@shared_task(name="billing.watch_budgets", ignore_result=True)
def watch_budgets() -> None:
    budgets.warn()
    alerts.watch()
