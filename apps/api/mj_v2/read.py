"""POST /mj/v2/{fetch, multi_fetch, validation}: reading tasks and checking prompts, without a key.

A task's id is unguessable, and in this API it alone lets its holder read the task: so nothing of the workspace is in
these answers. With a key the key's own rate limit counts instead of the address's.
"""

import uuid
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.legacy.asking import needed_text
from apps.api.openapi import mj_v2 as operations
from apps.api.views import ApiView
from apps.catalog.midjourney.inputs import LONGEST_PROMPT
from apps.catalog.midjourney.prompt_check import TOO_LONG, Checked
from apps.catalog.specs.midjourney import FAMILY
from apps.core.errors import InvalidRequest, NotFound
from apps.tasks import selectors
from apps.tasks.presentation_v2 import fetch_data
from apps.tasks.services import prompts

MAX_IDS = 50


class V2Fetch(ApiView):
    """One task."""

    open_to_all = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.FETCH}

    def post(self, request: Request) -> Response:
        text = needed_text(parsing.json_object(request._request), "task_id")
        found = _fetched([text])[text]
        if found is None:
            raise NotFound("There is no such task.")
        return Response(found)


class V2MultiFetch(ApiView):
    """Up to 50 tasks; what is none is null."""

    open_to_all = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.MULTI_FETCH}

    def post(self, request: Request) -> Response:
        ids = parsing.json_object(request._request).get("task_ids")
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise InvalidRequest.field("task_ids", "Give a list of task ids.")
        if len(ids) > MAX_IDS:
            raise InvalidRequest.field("task_ids", f"Give at most {MAX_IDS} ids.")
        return Response({"data": _fetched(ids)})


class V2Validation(ApiView):
    """What the prompt check says; nothing is made of it."""

    open_to_all = True
    operations: ClassVar[dict[str, Any]] = {"post": operations.VALIDATION}

    def post(self, request: Request) -> Response:
        prompt = parsing.json_object(request._request).get("prompt")
        if not isinstance(prompt, str):
            raise InvalidRequest.field("prompt", "This field is required, as text.")
        found = _checked(prompt)
        return Response(
            {
                "Prompt": found.prompt,
                "ErrorMessage": found.error_message,
                "AspectRatio": found.aspect_ratio,
            }
        )


def _checked(prompt: str) -> Checked:
    """Anybody may ask, so what no task would take is not looked at word by word."""
    if len(prompt) > LONGEST_PROMPT:
        return Checked("", TOO_LONG)
    return prompts.examined(prompt)


def _fetched(texts: list[str]) -> dict[str, dict[str, Any] | None]:
    """What is behind each id, as it was given."""
    ids = {text: _uuid(text) for text in texts}
    found = selectors.known_by_id(
        family=FAMILY, task_ids=[task_id for task_id in ids.values() if task_id is not None]
    )
    tasks = {text: found.get(task_id) for text, task_id in ids.items() if task_id is not None}
    return {text: fetch_data(task) if (task := tasks.get(text)) else None for text in ids}


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
