import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.files import selectors
from apps.files.models import StoredFile
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db


def file(workspace: Workspace, task_id: uuid.UUID, hours: int) -> StoredFile:
    return StoredFile.objects.create(
        workspace=workspace,
        kind=StoredFile.Kind.OUTPUT,
        key=f"mj/{uuid.uuid4()}.png",
        content_type="image/png",
        size=1,
        task_id=task_id,
        expires_at=timezone.now() + timedelta(hours=hours),
    )


def test_first_to_go_is_the_tasks_own_and_no_neighbours(workspace: Workspace):
    task_id = uuid.uuid4()
    file(workspace, task_id, 3)
    first = file(workspace, task_id, 2)
    file(workspace, uuid.uuid4(), 1)
    file(WorkspaceFactory.create(), task_id, 1)

    assert selectors.first_to_go(workspace_id=workspace.pk, task_id=task_id) == first
    assert selectors.first_to_go(workspace_id=workspace.pk, task_id=uuid.uuid4()) is None
