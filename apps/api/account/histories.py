"""GET /api/open/tasks/histories: the workspace's tasks by numbered pages, newest first."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import histories as operations
from apps.api.v1 import families, queries
from apps.api.views import ApiView, answer, identity_of
from apps.core import media
from apps.core.errors import InvalidRequest
from apps.tasks import selectors
from apps.tasks.models import Status, Task
from apps.tasks.presentation import task_data, time_text

DEFAULT_SIZE, MAX_SIZE = 10, 100
_NUMBER = re.compile(r"[0-9]{1,5}")
# Of an output with several addresses the one that is the result comes first.
_RESULTS = (
    "video_url", "video", "resource_without_watermark", "audio_url", "song_path", "image_url", "image_urls",
    "model_file",
)  # fmt: skip


class TaskHistories(ApiView):
    """Free."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"get": operations.LIST_HISTORIES}

    def get(self, request: Request) -> Response:
        query = request._request.GET
        size = _number(query, "page_size", default=DEFAULT_SIZE, most=MAX_SIZE)
        # Further on than what is counted there are no pages.
        page = _number(query, "page", default=1, most=selectors.MOST_NUMBERED // size)
        found = selectors.numbered_page(
            workspace_id=identity_of(request).workspace_id,
            page=page,
            size=size,
            families=_families(query),
            created_after=queries.instant(query, "start_time"),
            created_before=queries.instant(query, "end_time"),
        )
        return answer(
            {
                "data": [_entry(task) for task in found.items],
                "total": found.total,
                "page": page,
                "page_size": size,
            }
        )


def _number(query: QueryDict, name: str, *, default: int, most: int) -> int:
    text = query.get(name, "") or str(default)
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= most:
        raise InvalidRequest.field(name, f"Give a number from 1 to {most}.")
    return int(text)


def _families(query: QueryDict) -> frozenset[str] | None:
    return families.families_of(query.get("model", "") or families.ALL, field="model")


def _entry(task: Task) -> dict[str, Any]:
    # As the task itself shows it: without what the plan hides.
    output = task_data(task)["output"]
    return {
        "task_id": str(task.id),
        "task_model": task.model,
        "action": task.task_type,
        "status": "finished" if task.status == Status.COMPLETED else str(task.status),
        "created_at": time_text(task.created_at),
        "detail": {
            "model": task.model,
            "output": next(_urls(output), None),
            "task_id": str(task.id),
            "task_type": task.task_type,
        },
    }


def _urls(output: Any) -> Iterator[str]:
    """Every address in an output; of an object the results first."""
    if isinstance(output, dict):
        for name in (*_RESULTS, *sorted(output.keys() - set(_RESULTS))):
            yield from _urls(output.get(name))
    elif isinstance(output, list):
        for part in output:
            yield from _urls(part)
    elif isinstance(output, str) and media.is_url(output):
        yield output
