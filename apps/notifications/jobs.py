"""Celery entry points of notifications: each calls one service. All of them may run twice or at once."""

from celery import shared_task

from apps.core.queue import send
from apps.notifications.services import deliver as delivering
from apps.notifications.services import endpoint_alerts, mail_out, notices, replay_runs
from apps.notifications.services import forget as forgetting


@shared_task(name="notifications.deliver", ignore_result=True)
def deliver() -> None:
    if delivering.deliver() or delivering.is_due():
        # The slice is over with work left, or some came in the last moment: whoever is free takes it from here.
        send("notifications.deliver", queue="deliver")


@shared_task(name="notifications.forget", ignore_result=True)
def forget() -> None:
    forgetting.forget()
    forgetting.forget_endpoints()
    mail_out.forget()
    notices.forget()


@shared_task(name="notifications.mail", ignore_result=True)
def mail() -> None:
    if mail_out.send_waiting():
        send("notifications.mail", queue="deliver")


@shared_task(name="notifications.digest", ignore_result=True)
def digest() -> None:
    notices.mail_collected()


@shared_task(name="notifications.endpoints", ignore_result=True)
def endpoints() -> None:
    endpoint_alerts.look()
    replay_runs.advance()
