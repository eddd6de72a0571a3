"""The Celery application: `celery -A config.celery …`."""

import os

from celery import Celery
from kombu.transport import redis, virtual

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class _LettingGo(redis.QoS):
    """A message that is over counts as over here, also when the broker cannot be told.

    kombu keeps such a message as "in work" for ever, and Celery only logs the error. Two of them (a broker that is
    away for a second is enough) fill the prefetch window of a small worker, which then takes nothing any more, while it
    looks alive in every other way. The broker gives the message to somebody again later; messages are hints.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


redis.Channel.QoS = _LettingGo

app = Celery("modelyard")
app.config_from_object("django.conf:settings", namespace="CELERY")
