"""/api/v1/task and /api/v1/tasks: create, read, cancel, list."""

import re
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.selectors import Identity
from apps.api import parsing
from apps.api.openapi import operations
from apps.api.v1 import cursors, families, queries, render, requests
from apps.api.views import ApiView, answer, identity_of
from apps.core.errors import InvalidRequest, NotFound
from apps.tasks import presentation, selectors
from apps.tasks.models import Status
from apps.tasks.selectors import TaskFilter
from apps.tasks.services import cancel, create

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
MAX_IDS = 50
_MODEL = re.compile(r"[\x21-\x7e]{1,100}")


class TaskCollection(ApiView):
    """POST /api/v1/task."""

    scope = "tasks"
    is_paid = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.CREATE_TASK}

    def post(self, request: Request) -> Response:
        received = requests.task_request(
            parsing.json_object(request._request),
            idempotency_key=requests.idempotency_key(request._request),
            deadline_seconds=requests.deadline_seconds(request._request),
        )
        created = create.create_task(identity=identity_of(request), request=received)
        headers = {"Idempotent-Replayed": "true"} if created.replayed else None
        return answer(render.created_data(created), headers=headers)


class TaskDetail(ApiView):
    """GET and DELETE /api/v1/task/{task_id}."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {
        "get": operations.READ_TASK,
        "delete": operations.CANCEL_TASK,
    }

    def get(self, request: Request, task_id: str) -> Response:
        task = selectors.task(
            workspace_id=identity_of(request).workspace_id, task_id=_task_id(task_id)
        )
        return answer(presentation.task_data(task))

    def delete(self, request: Request, task_id: str) -> Response:
        task = cancel.cancel_task(identity=identity_of(request), task_id=_task_id(task_id))
        return answer(presentation.task_data(task))


class TaskList(ApiView):
    """GET and DELETE /api/v1/tasks."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {
        "get": operations.LIST_TASKS,
        "delete": operations.CANCEL_TASKS,
    }

    def get(self, request: Request) -> Response:
        query = request._request.GET
        identity = identity_of(request)
        return answer(_named(identity, query["ids"]) if "ids" in query else _page(identity, query))

    def delete(self, request: Request) -> Response:
        query = request._request.GET
        done = cancel.cancel_many(
            identity=identity_of(request),
            created_before=_needed_instant(query, "created_before"),
            families=_families(query),
        )
        return answer({"cancelled": done.cancelled, "skipped": done.skipped})


def _page(identity: Identity, query: QueryDict) -> dict[str, Any]:
    cursor = query.get("cursor", "")
    page = selectors.newest_tasks(
        workspace_id=identity.workspace_id,
        limit=_limit(query.get("limit", "")),
        filter=_filter(query),
        after=cursors.decoded(cursor) if cursor else None,
    )
    return {
        "items": [presentation.task_data(task) for task in page.items],
        "next_cursor": cursors.encoded(page.next),
    }


def _named(identity: Identity, ids: str) -> dict[str, Any]:
    """The tasks that were asked for by id. Whatever is no task of the workspace's is missing."""
    asked = {text: _uuid(text) for text in map(str.strip, ids.split(",")) if text}
    if len(asked) > MAX_IDS:
        raise InvalidRequest.field("ids", f"Give at most {MAX_IDS} ids.")
    found = selectors.tasks_by_ids(
        workspace_id=identity.workspace_id,
        task_ids=[task_id for task_id in asked.values() if task_id is not None],
    )
    there = {task.id for task in found}
    return {
        "items": [presentation.task_data(task) for task in found],
        "missing": [text for text, task_id in asked.items() if task_id not in there],
        "next_cursor": None,
    }


def _task_id(text: str) -> uuid.UUID:
    # What is no UUID is no task of anybody's: the same answer as for one that does not exist.
    task_id = _uuid(text)
    if task_id is None:
        raise NotFound("There is no such task.")
    return task_id


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _limit(text: str) -> int:
    if not text:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest.field("limit", f"Give a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _filter(query: QueryDict) -> TaskFilter:
    status, model = query.get("status", ""), query.get("model", "")
    if status and status not in Status.values:
        raise InvalidRequest.field("status", f"Give one of {', '.join(Status.values)}.")
    if model and not _MODEL.fullmatch(model):
        raise InvalidRequest.field("model", "Give the name of a model.")
    return TaskFilter(
        status=status,
        model=model,
        client_reference=requests.client_reference(
            query.get("client_reference"), "client_reference"
        ),
        created_after=queries.instant(query, "created_after"),
        created_before=queries.instant(query, "created_before"),
    )


def _needed_instant(query: QueryDict, name: str) -> datetime:
    instant = queries.instant(query, name)
    if instant is None:
        raise InvalidRequest.field(name, "Give a Unix time in whole seconds.")
    return instant


def _families(query: QueryDict) -> frozenset[str] | None:
    name = query.get("model", "")
    if not name:
        raise InvalidRequest.field("model", "Give all or the name of a family, for example kling.")
    return families.families_of(name, field="model")
