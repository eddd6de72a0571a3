"""Midjourney tasks for tests of the API: asked for over HTTP, made without a picture being painted."""

import uuid
from typing import Any

from apps.accounts.models import Workspace
from apps.catalog.spec import Route
from apps.tasks.models import FailureCode, Task
from apps.tasks.services import claims, finish
from tests.api.conftest import Caller

PICTURE = "https://pictures.example/a.png"
ROUTE = Route("local", "midjourney", queue="local", is_sandbox=True)
ACTIONS = [
    "reroll", *(f"upscale{n}" for n in range(1, 5)), *(f"variation{n}" for n in range(1, 5)),
]  # fmt: skip
CROPS = [f"http://testserver/files/temp/{n}.png" for n in range(4)]


def v2(caller: Caller, name: str, body: Any, **headers: str) -> Any:
    return caller.post(f"/mj/v2/{name}", body, **headers)


def imagined(caller: Caller, prompt: str = "a cat", **fields: Any) -> str:
    """The id of a new imagine task."""
    answer = v2(caller, "imagine", {"prompt": prompt, **fields}).json()
    assert answer["status"] == "success", answer
    task_id: str = answer["task_id"]
    return task_id


def grid(task_id: str, **changed: Any) -> dict[str, Any]:
    """The output of a grid, with every field filled."""
    return {
        "image_url": f"http://testserver/files/mj/{task_id}.png",
        "image_urls": None,
        "temporary_image_urls": CROPS,
        "discord_image_url": "https://cdn.example/grid.png",
        "actions": ACTIONS,
        "progress": 100,
        "intermediate_image_urls": ["http://testserver/files/temp/half.png"],
        **changed,
    }


def stored(task_id: str) -> Task:
    return Task.objects.across_workspaces().get(id=task_id)


def started(task_id: str) -> claims.Claim:
    found = claims.claim(task_id=uuid.UUID(task_id), route=ROUTE, worker="test")
    assert found is not None
    return found


def finished(task_id: str, output: dict[str, Any] | None = None) -> Task:
    """The task starts and ends well."""
    return completed(started(task_id), output)


def completed(claim: claims.Claim, output: dict[str, Any] | None = None) -> Task:
    """What has started ends well."""
    task_id = str(claim.task.id)
    result = finish.Result(output=output or grid(task_id), engine="procedural")
    assert finish.complete(task_id=claim.task.id, attempt=claim.attempt, result=result)
    return stored(task_id)


def failed(task_id: str, message: str = "It could not be made.") -> Task:
    claim = started(task_id)
    failure = finish.Failure(FailureCode.PROVIDER_FAILED, message)
    assert finish.fail(task_id=claim.task.id, failure=failure, attempt=claim.attempt)
    return stored(task_id)


def change(workspace: Workspace, **fields: Any) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
