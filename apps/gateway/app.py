"""The streaming side of the API, beside Django on the same origin: `/v1/*` and the event streams of tasks.

Starlette instead of Django, because an answer that trickles for minutes must not occupy a thread. What no route serves
is answered as the API does for what it does not know.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apps.core import envelopes, refusals
from apps.core.request_ids import request_id
from apps.gateway import answers
from apps.gateway.events import TaskEvents, Timing


async def unknown(request: Request, error: Exception) -> Response:
    """404 in the API's shape, for any path and method."""
    name = request_id(request.headers.get("x-request-id", ""))
    refusal = refusals.refusal("not_found", envelopes.ROUTE_NOT_FOUND, request_id=name)
    return answers.refused(refusal, request_id=name)


def make_app(timing: Timing | None = None) -> Starlette:
    """An application of its own: streams of one event loop share what it holds."""
    events = TaskEvents(timing)
    paths = ("/api/v1/task/{task_id}/events", "/api/v1/task/{task_id}/events/")
    return Starlette(
        routes=[Route(path, events) for path in paths], exception_handlers={404: unknown}
    )


app = make_app()
