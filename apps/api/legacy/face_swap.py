"""/api/face_swap/v1: face swaps as clients of the older API ask for them."""

import base64
from typing import Any, ClassVar

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.legacy import asking, reading
from apps.api.openapi import legacy as operations
from apps.api.views import ApiView, answer
from apps.catalog.specs.image_toolkit import MODEL
from apps.core import money
from apps.core.errors import InvalidRequest
from apps.files.services import media
from apps.tasks.models import Status, Task
from apps.tasks.presentation import task_data

TASK_TYPE = "face-swap"
_WISHES = ("url", "base64")
_STATUSES = {
    Status.STAGED: "pending",
    Status.PENDING: "pending",
    Status.PROCESSING: "processing",
    Status.COMPLETED: "success",
    Status.FAILED: "failed",
    Status.CANCELLED: "failed",
}


class FaceSwap(ApiView):
    """POST /api/face_swap/v1/async."""

    scope = "tasks"
    is_paid = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.SWAP_FACES}

    def post(self, request: Request) -> Response:
        given = parsing.json_object(request._request)
        if given.get("result_type") not in (None, "", *_WISHES):
            raise InvalidRequest.field("result_type", f"Give one of {', '.join(_WISHES)}.")
        # The wish stays in the input, which keeps what the model does not know: it is for the one who fetches.
        body = {"model": MODEL, "task_type": TASK_TYPE, "input": given}
        made = asking.created(request, body, names={"input.": ""})
        headers = {"Idempotent-Replayed": "true"} if made.replayed else None
        return answer({"task_id": str(made.task.id)}, headers=headers)


class FaceSwapFetch(ApiView):
    """POST /api/face_swap/v1/fetch."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {"post": operations.FETCH_SWAP}

    def post(self, request: Request) -> Response:
        task_id = asking.needed_text(parsing.json_object(request._request), "task_id")
        return answer(
            _swap_data(reading.own_task(request, task_id, model=MODEL, task_type=TASK_TYPE))
        )


def _swap_data(task: Task) -> dict[str, Any]:
    shown = task_data(task)
    meta, usage = shown["meta"], shown["meta"]["usage"]
    error = shown["error"]["message"]
    return {
        "task_id": shown["task_id"],
        "task_type": task.task_type,
        "status": _STATUSES[Status(task.status)],
        "task_info": {
            "created_at": meta["created_at"],
            "started_at": meta["started_at"],
            "completed_at": meta["ended_at"],
            "frozen_credits": _credits(usage["frozen"]),
            "task_input": shown["input"],
        },
        "task_result": {
            "used_credits": _credits(usage["consume"]),
            "error_messages": [error] if error else [],
            "task_output": _output(task, shown["output"]),
        },
    }


def _output(task: Task, output: Any) -> dict[str, str]:
    url = output.get("image_url") or "" if isinstance(output, dict) else ""
    wants_bytes = task.input.get("result_type") != "url"
    return {"image_base64": _base64(url) if url and wants_bytes else "", "image_url": url}


def _base64(url: str) -> str:
    """The stored picture, or "" once its time is over. Only a file of ours is read: nothing is asked of the network."""
    if media.own_key(url) is None:
        return ""
    try:
        return base64.b64encode(media.fetch(url=url)).decode()
    except media.MediaUnavailable:
        return ""


def _credits(points: int) -> orjson.Fragment:
    """A JSON number with exactly these digits."""
    return orjson.Fragment(f"{money.display_credits(points):f}")
