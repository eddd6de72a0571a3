"""The streaming side of the API: `/v1/*`, beside Django on the same origin.

Starlette instead of Django, because an answer that trickles for minutes must not occupy a thread. No route is served
here yet; every path answers as the API does for what it does not know.
"""

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from apps.core import envelopes
from apps.core.request_ids import request_id


async def unknown(request: Request, error: Exception) -> Response:
    """404 in the API's shape, for any path and method."""
    name = request_id(request.headers.get("x-request-id", ""))
    body = envelopes.failure(type="not_found", message=envelopes.ROUTE_NOT_FOUND, request_id=name)
    return Response(
        orjson.dumps(body),
        status_code=404,
        media_type="application/json",
        headers={"X-Request-Id": name, "X-Content-Type-Options": "nosniff"},
    )


app = Starlette(exception_handlers={404: unknown})
