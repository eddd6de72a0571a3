"""POST /mj/v2/{imagine, upscale, …}: Midjourney's tasks as clients of the older API ask for them."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.legacy import asking
from apps.api.openapi import mj_v2 as operations
from apps.api.views import ApiView
from apps.catalog.specs.midjourney import MODEL
from apps.tasks.presentation_v2 import V2

# What every body may hold besides the input, with the names of the same in POST /api/v1/task.
_COMMON = {
    "config.webhook_config.endpoint": "webhook_endpoint",
    "config.webhook_config.secret": "webhook_secret",
    "config.webhook_config.progress": "notify_progress",
    "config.service_mode": "service_mode",
}
_NAMES = {**_COMMON, "input.": ""}


class V2Create(ApiView):
    """One task type; the fields of its input stand at the top of the body."""

    scope = "tasks"
    is_paid = True
    task_type: ClassVar[str] = "imagine"
    operations: ClassVar[dict[str, Any]] = {"post": operations.CREATE["imagine"]}

    def post(self, request: Request) -> Response:
        body = parsing.json_object(request._request)
        made = asking.created(request, _task(self.task_type, body), names=_NAMES, dialect=V2)
        headers = {"Idempotent-Replayed": "true"} if made.replayed else None
        answer = {"status": "success", "task_id": str(made.task.id), "message": "", "success": True}
        return Response(answer, headers=headers)


def create_view(task_type: str) -> Callable[..., HttpResponseBase]:
    """The view of a task type."""
    described = {"post": operations.CREATE[task_type]}
    return V2Create.as_view(task_type=task_type, operations=described)


def _task(task_type: str, body: dict[str, Any]) -> dict[str, Any]:
    """The same as POST /api/v1/task takes it."""
    return {
        "model": MODEL,
        "task_type": task_type,
        "input": {name: value for name, value in body.items() if name not in _COMMON.values()},
        "config": {
            "service_mode": body.get("service_mode"),
            "webhook_config": {
                "endpoint": body.get("webhook_endpoint"),
                "secret": body.get("webhook_secret"),
                # Whoever does not ask hears of the start and the end only.
                "progress": body.get("notify_progress") or False,
            },
        },
    }
