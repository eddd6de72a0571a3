"""Finding files."""

import uuid

from django.db.models import Q
from django.db.models.functions import Now

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.files.models import StoredFile


def servable(*, key: str) -> StoredFile:
    """The file at a path, while it is kept. The unguessable path is the permission, so no workspace is asked.

    Raises NotFound after its time, even when the sweep has not come by yet.
    """
    found = (
        StoredFile.objects.across_workspaces()
        .filter(Q(key=key), deleted_at__isnull=True, expires_at__gt=Now())
        .first()
    )
    if found is None:
        raise NotFound(sentence("There is no such file, or its time is over."))
    return found


def first_to_go(*, workspace_id: int, task_id: uuid.UUID) -> StoredFile | None:
    """Of a task's files the one whose time is over first."""
    of_task = StoredFile.objects.of(workspace_id).filter(task_id=task_id)
    return of_task.order_by("expires_at").first()
