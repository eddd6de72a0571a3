"""GET /api/open/tasks/histories: the workspace's tasks, or its calls of language models, by numbered pages."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import histories as operations
from apps.api.v1 import families, queries
from apps.api.views import ApiView, answer, identity_of
from apps.core import media
from apps.core.errors import InvalidRequest
from apps.llm.models import End, Usage
from apps.llm.selectors.numbered import numbered_calls
from apps.tasks import selectors
from apps.tasks.models import Status, Task
from apps.tasks.presentation import task_data, time_text

DEFAULT_SIZE, MAX_SIZE = 10, 100
# The family of calls to /v1, which are no tasks.
CALLS = "llm"
# As the sums of usage count them: nobody can tell whether who left had enough.
_FINISHED = frozenset({End.COMPLETED, End.EMPTY, End.CLIENT_LEFT})
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
        wanted: dict[str, Any] = {
            "workspace_id": identity_of(request).workspace_id,
            "page": page,
            "size": size,
            "created_after": queries.instant(query, "start_time"),
            "created_before": queries.instant(query, "end_time"),
        }
        data, total = _calls(wanted) if query.get("model") == CALLS else _tasks(query, wanted)
        return answer({"data": data, "total": total, "page": page, "page_size": size})


Entries = tuple[list[dict[str, Any]], int]


def _tasks(query: QueryDict, wanted: dict[str, Any]) -> Entries:
    found = selectors.numbered_page(families=_families(query), **wanted)
    return [_entry(task) for task in found.items], found.total


def _calls(wanted: dict[str, Any]) -> Entries:
    found = numbered_calls(**wanted)
    return [_call_entry(row) for row in found.items], found.total


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
    return _shown(
        id=str(task.id),
        model=task.model,
        action=task.task_type,
        status="finished" if task.status == Status.COMPLETED else str(task.status),
        created_at=task.created_at,
        output=next(_urls(output), None),
    )


def _call_entry(row: Usage) -> dict[str, Any]:
    return _shown(
        id=str(row.call),
        model=row.model,
        action=row.operation,
        status="finished" if row.end in _FINISHED else "failed",
        created_at=row.created_at,
        output=None,
    )


def _shown(
    *, id: str, model: str, action: str, status: str, created_at: datetime, output: str | None
) -> dict[str, Any]:
    return {
        "task_id": id,
        "task_model": model,
        "action": action,
        "status": status,
        "created_at": time_text(created_at),
        "detail": {"model": model, "output": output, "task_id": id, "task_type": action},
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
