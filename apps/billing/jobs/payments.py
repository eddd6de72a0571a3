"""Celery entry points of card payments: each calls one service. All of them may run twice or at once."""

import logging
import time

from celery import shared_task

from apps.billing.gateways import stripe as gateway
from apps.billing.services import reconcile as reconciling
from apps.billing.services import refunds as refunding
from apps.billing.services import topups as topping
from apps.billing.services.inbox import catch_up as catching
from apps.billing.services.inbox import work
from apps.core.queue import send

log = logging.getLogger(__name__)

_SLICE_SECONDS = 50.0


@shared_task(name="billing.events", ignore_result=True)
def events() -> None:
    stop_at = time.monotonic() + _SLICE_SECONDS
    while work.work() and time.monotonic() < stop_at:
        pass
    if time.monotonic() >= stop_at and work.is_due():
        # The slice is over with work left: whoever is free takes it from here.
        send("billing.events")


@shared_task(name="billing.topups", ignore_result=True)
def topups() -> None:
    topping.sweep()


@shared_task(name="billing.refunds", ignore_result=True)
def refunds() -> None:
    refunding.send_approved()


@shared_task(name="billing.catch_up", ignore_result=True)
def catch_up() -> None:
    if gateway.is_configured():
        catching.catch_up()


@shared_task(name="billing.reconcile", ignore_result=True)
def reconcile() -> None:
    if not gateway.is_configured():
        return
    for difference in reconciling.reconcile(days=reconciling.DAYS):
        log.error("payments differ from Stripe's", extra={"reason": difference})
