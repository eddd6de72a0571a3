"""The streaming side of the API, beside Django on the same origin: `/v1/*`, the event streams of tasks,
conversations, and the dashboard's chat.

Starlette instead of Django, because an answer that trickles for minutes must not occupy a thread. What no route serves
is answered as the API does for what it does not know.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from apps.core import envelopes, refusals
from apps.core.request_ids import request_id
from apps.gateway import answers, playground, task_pages
from apps.gateway.conversations import routes as conversations
from apps.gateway.events import TaskEvents
from apps.gateway.following import Streams, Timing
from apps.gateway.llm import routes
from apps.gateway.llm.lanes import Lanes


async def unknown(request: Request, error: Exception) -> Response:
    """404 in the API's shape, for any path and method."""
    name = request_id(request.headers.get("x-request-id", ""))
    refusal = refusals.refusal("not_found", envelopes.ROUTE_NOT_FOUND, request_id=name)
    return answers.refused(refusal, request_id=name)


class Gateway:
    """An application of its own: streams and calls of one event loop share what it holds."""

    def __init__(self, timing: Timing | None = None) -> None:
        self.lanes = Lanes()
        streams = Streams(timing)
        events = TaskEvents(streams)
        paths = ("/api/v1/task/{task_id}/events", "/api/v1/task/{task_id}/events/")
        self._app = Starlette(
            routes=[
                *(Route(path, events) for path in paths),
                *routes.variable(self.lanes),
                *conversations.routes(self.lanes),
                playground.route(self.lanes),
                Route(task_pages.PATH, task_pages.TaskPageEvents(streams)),
            ],
            exception_handlers={404: unknown},
        )
        self._fixed = routes.fixed(self.lanes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Thousands of calls a second go to a few paths; they need no router and no middleware.
        await self._fixed.get(scope["path"], self._app)(scope, receive, send)

    async def start(self) -> None:
        """What is better begun before the first call. Never raises: calls try again."""
        await self.lanes.open()

    async def stop(self) -> None:
        """After the last call: everything written, settled and closed."""
        await self.lanes.close()


def make_app(timing: Timing | None = None) -> Gateway:
    return Gateway(timing)


app = make_app()
