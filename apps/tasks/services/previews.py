"""Pictures of work that the local engine has not finished, for whoever watches."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.core import media
from apps.files.services import store
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services import notices, webhooks
from apps.tasks.services.claims import Claim
from apps.tasks.services.results import PASSING

HOURS = 24
MOST = 12
_FIELD = "intermediate_image_urls"


def show(claimed: Claim, percent: int, picture: bytes) -> None:
    """Keep the picture and add it to the task's output.

    Nothing happens where the output has no place for it, when there are many already, when the picture cannot be stored
    and when the claim is lost.
    """
    task = claimed.task
    kind = media.sniff(picture)
    if kind is None or not (isinstance(task.output, dict) and _FIELD in task.output):
        return
    [file] = store.announce(
        [
            store.Announcement(
                workspace_id=task.workspace_id,
                task_id=task.id,
                content_type=kind.content_type,
                extension=kind.extension,
                size=len(picture),
                expires_at=timezone.now() + timedelta(hours=HOURS),
                folder=PASSING,
            )
        ]
    )
    try:
        store.write(file, picture)
    except store.CannotStore:
        store.discard([file])
        return
    if not _added(claimed, percent, store.url_of(file)):
        store.discard([file])


@transaction.atomic
def _added(claimed: Claim, percent: int, url: str) -> bool:
    rows = Task.objects.of(claimed.task.workspace_id).select_for_update()
    task = rows.filter(
        id=claimed.task.id, status=Status.PROCESSING, attempt=claimed.attempt
    ).first()
    shown = (task.output or {}).get(_FIELD) or [] if task is not None else []
    if task is None or len(shown) >= MOST:
        return False
    task.output = {**(task.output or {}), _FIELD: [*shown, url]}
    task.progress = max(task.progress, min(99, percent))
    task.save(update_fields=["output", "progress"])
    Attempt.objects.filter(task=task, number=claimed.attempt).update(previews=len(shown) + 1)
    notices.changed([task.id])
    if task.webhook_progress:
        webhooks.announce([task], kind="processing")
    return True
