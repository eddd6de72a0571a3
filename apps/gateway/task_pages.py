"""GET /w/{slug}/tasks/{task_id}/events: tells an open page that its task has moved, and nothing of what is in it.

The page asks for itself again, which shows each person what their role may see.
"""

from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response

from apps.accounts.policies import Permission
from apps.gateway import answers, sessions
from apps.gateway.events import TaskEvents, not_allowed, seen, task_id
from apps.gateway.following import Stream
from apps.gateway.reader import Frame

PATH = "/w/{slug}/tasks/{task_id}/events"


class TaskPageEvents(TaskEvents):
    """The endpoint: a member of the workspace, by their session."""

    route = "w/tasks/events"

    async def _stream(self, request: Request, name: str, told: dict[str, str]) -> Stream | Response:
        member = partial(
            sessions.member_of,
            request.scope,
            request.path_params["slug"],
            permission=Permission.VIEW_TASKS,
        )
        identity = await member()
        if request.method != "GET":
            return not_allowed(request, name, told)

        async def check() -> None:
            await member()

        return Stream(
            workspace_id=identity.workspace_id,
            task_id=task_id(request),
            seen=seen(request),
            headers=answers.base_headers(name),
            check=check,
            shown=_moved,
        )


def _moved(frame: Frame) -> bytes:
    return orjson.dumps({"is_final": frame.is_final})
