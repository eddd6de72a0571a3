from celery import current_app
from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        # Jobs are sent by name, so every process, the web one too, must know every job: a misspelt
        # name then fails where it is enqueued and not in a worker's log.
        current_app.autodiscover_tasks(related_name="jobs", force=True)
