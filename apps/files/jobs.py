"""Celery entry points of files."""

from celery import shared_task

from apps.files.services import store


@shared_task(name="files.sweep", ignore_result=True)
def sweep() -> None:
    """Remove what has expired, in batches, until nothing is left or an hour's worth was done."""
    for _ in range(100):
        if store.remove_expired() == 0:
            return
