"""The streaming side of the API: `/v1/*`, beside Django on the same origin.

Starlette instead of Django, because an answer that trickles for minutes must not occupy a thread. No route is served
here yet; every path answers as the API does for what it does not know.
"""

import re
import uuid

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from apps.core import envelopes

_OWN_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)


async def unknown(request: Request, error: Exception) -> Response:
    """404 in the API's shape, for any path and method."""
    given = request.headers.get("x-request-id", "")
    request_id = given if _OWN_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
    body = envelopes.failure(
        type="not_found", message=envelopes.ROUTE_NOT_FOUND, request_id=request_id
    )
    return Response(
        orjson.dumps(body),
        status_code=404,
        media_type="application/json",
        headers={"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"},
    )


app = Starlette(exception_handlers={404: unknown})
