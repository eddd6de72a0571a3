"""Reading tasks for older calls."""

import uuid

from rest_framework.request import Request

from apps.api.views import identity_of
from apps.core.errors import NotFound
from apps.tasks import selectors
from apps.tasks.models import Task


def own_task(request: Request, task_id: str, *, model: str, task_type: str = "") -> Task:
    """The caller's task of this model, and of this type if one is given. Raises NotFound."""
    workspace_id = identity_of(request).workspace_id
    try:
        found = selectors.task(workspace_id=workspace_id, task_id=uuid.UUID(task_id))
    except ValueError:
        raise NotFound("There is no such task.") from None
    if found.model != model or found.task_type not in (task_type or found.task_type,):
        raise NotFound("There is no such task.")
    return found
