"""The paths of `/api/chatgpt/v1`, each with and without a slash at its end."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.routing import BaseRoute, Route

from apps.core.refusals import Refusal
from apps.gateway import playground
from apps.gateway.conversations import endpoints
from apps.gateway.llm.answering import Endpoint, Exchange
from apps.gateway.llm.lanes import Lanes
from apps.gateway.llm.requests import Asked
from apps.llm.services.lane import Lane

PAGE_PATH = "/w/{slug}/conversations/{conversation_id}/stream"
_BASE = "/api/chatgpt/v1"
_ONE = "conversation/{conversation_id}"
_Work = Callable[[Lane, Exchange, Asked], Awaitable[None]]
_PATHS: tuple[tuple[str, str, _Work], ...] = (
    ("POST", "conversation", endpoints.create),
    ("POST", _ONE, endpoints.go_on),
    ("POST", f"{_ONE}/file", endpoints.add_file),
    ("GET", f"{_ONE}/file/{{file_id}}", endpoints.get_file),
    ("GET", f"{_ONE}/sandbox", endpoints.get_sandbox),
    ("GET", "task/{task_id}", endpoints.get_task),
)


def envelope(refusal: Refusal) -> dict[str, Any]:
    """Errors as on every route but `/v1`."""
    return refusal.body


def routes(lanes: Lanes) -> list[BaseRoute]:
    """All of them, on one lane."""
    found: list[BaseRoute] = []
    for method, path, work in _PATHS:
        endpoint = Endpoint(
            lanes, route=f"api/chatgpt/v1/{path}", shape=envelope, work=work, method=method
        )
        found += [Route(f"{_BASE}/{path}", endpoint), Route(f"{_BASE}/{path}/", endpoint)]
    # From a page of the dashboard: the same, but that the session says who asks.
    page = Endpoint(
        lanes,
        route="w/conversations/stream",
        shape=envelope,
        work=endpoints.go_on,
        who=playground.person,
    )
    return [*found, Route(PAGE_PATH, page)]
