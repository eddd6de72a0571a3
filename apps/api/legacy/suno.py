"""/api/suno/v1/music: songs as clients of the older API ask for them."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.legacy import asking, reading
from apps.api.openapi import legacy as operations
from apps.api.views import ApiView, answer
from apps.catalog.specs.music_s import MODEL
from apps.core.errors import InvalidRequest
from apps.tasks.models import Status, Task
from apps.tasks.presentation import task_data

# Clients of this API know three states on the way and two at the end.
_STATUSES = {Status.STAGED: "pending", Status.CANCELLED: "failed"}


class SunoMusic(ApiView):
    """POST /api/suno/v1/music."""

    scope = "tasks"
    is_paid = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.CREATE_MUSIC}

    def post(self, request: Request) -> Response:
        body = _task(parsing.json_object(request._request))
        made = asking.created(request, body, names={})
        headers = {"Idempotent-Replayed": "true"} if made.replayed else None
        return answer({"task_id": str(made.task.id)}, headers=headers)


class SunoMusicDetail(ApiView):
    """GET /api/suno/v1/music/{task_id}."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {"get": operations.READ_MUSIC}

    def get(self, request: Request, task_id: str) -> Response:
        return answer(_music_data(reading.own_task(request, task_id, model=MODEL)))


def _task(body: dict[str, Any]) -> dict[str, Any]:
    """The same as POST /api/v1/task takes it. `mv`, the model's version, may stand at either level."""
    given = body.get("input")
    if not isinstance(given, dict):
        raise InvalidRequest.field("input", "This must be an object.")
    is_custom = body.get("custom_mode") or False
    if not isinstance(is_custom, bool):
        raise InvalidRequest.field("custom_mode", "This must be true or false.")
    version = {"mv": body["mv"]} if body.get("mv") else {}
    task_type = "generate_music_custom" if is_custom else "generate_music"
    return {"model": MODEL, "task_type": task_type, "input": {**version, **given}}


def _music_data(task: Task) -> dict[str, Any]:
    shown = task_data(task)
    output = shown["output"] if isinstance(shown["output"], dict) else {}
    return {
        "task_id": shown["task_id"],
        "status": _STATUSES.get(Status(task.status), shown["status"]),
        "input": shown["input"],
        "clips": output.get("clips") or {},
        "meta": shown["meta"],
        "error": shown["error"],
    }
