"""Finding what is shared."""

import hashlib
import uuid
from collections.abc import Sequence

from django.db.models import Q
from django.db.models.functions import Now

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.files import selectors as files
from apps.tasks.models import Status
from apps.tasks.models.shares import Share

_OPEN = Q(revoked_at__isnull=True, expires_at__gt=Now())

_GONE = sentence("There is no such link, or its time is over.")


def digest(token: str) -> bytes:
    """What is stored of a token and looked up. 192 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def shared(*, token: str) -> Share:
    """What the link shows, with its task. The token is the permission, so no workspace is asked.

    Raises NotFound, always the same, for what never was, what is over or revoked, what a workspace shares that is
    suspended or about to be deleted, and once the task's files are gone: there is nothing left to see.
    """
    found = (
        Share.objects.across_workspaces()
        .select_related("task", "workspace")
        .filter(
            _OPEN,
            digest=digest(token),
            workspace__is_enabled=True,
            workspace__closes_at__isnull=True,
            task__status=Status.COMPLETED,
        )
        .first()
    )
    if found is None:
        raise NotFound(_GONE)
    file = files.first_to_go(workspace_id=found.workspace_id, task_id=found.task_id)
    if file is not None and file.deleted_at is not None:
        raise NotFound(_GONE)
    return found


def open_shares(*, workspace_id: int, task_id: uuid.UUID) -> Sequence[Share]:
    """The links to a task that work, newest first."""
    rows = Share.objects.of(workspace_id).filter(_OPEN, task_id=task_id)
    return list(rows.select_related("created_by").order_by("-created_at", "-id"))
