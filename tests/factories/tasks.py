import uuid
from typing import Any

from apps.accounts.models import Workspace
from apps.catalog.spec import Route
from apps.tasks.models import Task
from apps.tasks.services import claims, finish
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest
from tests.factories.accounts import identity

# A local job that needs no media; US$0.001.
ILLUSTRATION: dict[str, Any] = {
    "model": "modelyard/illustration",
    "task_type": "text-to-image",
    "input": {"prompt": "a fox in a forest", "width": 256, "height": 256, "seed": 1},
}
# Served by accounts at providers only; US$0.002.
PICTURE: dict[str, Any] = {
    "model": "Qubico/flux1-schnell",
    "task_type": "txt2img",
    "input": {"prompt": "a fox in a forest"},
}
ROUTE = Route("local", "illustration", queue="local")


def task(workspace: Workspace, **request: Any) -> Task:
    """A pending task that came in as the API would bring it: priced, held, with its event."""
    return create_task(
        identity=identity(workspace), request=TaskRequest(**{**ILLUSTRATION, **request})
    ).task


def picture(workspace: Workspace, prompt: str = "a fox in a forest", **request: Any) -> Task:
    """A pending task for a provider."""
    return task(workspace, **{**PICTURE, "input": {"prompt": prompt}, **request})


def claimed(workspace: Workspace, **request: Any) -> claims.Claim:
    """A task that a worker has just claimed."""
    found = claims.claim(task_id=task(workspace, **request).id, route=ROUTE, worker="test")
    assert found is not None
    return found


def completed(workspace: Workspace, output: dict[str, Any] | None = None) -> Task:
    """A task that ended well."""
    claim = claimed(workspace)
    assert finish.complete(
        task_id=claim.task.id,
        attempt=claim.attempt,
        result=finish.Result(
            output=output or {"image_url": f"http://testserver/files/mj/{uuid.uuid4()}.png"}
        ),
    )
    return Task.objects.of(workspace.pk).get(id=claim.task.id)
