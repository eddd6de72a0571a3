"""What every request gets: an id, one log line, one count in the metrics."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from apps.core import metrics
from apps.core.request_ids import request_id

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse  # noqa: TID251 - for the annotations only

log = logging.getLogger("modelyard.request")
# A metric's labels are bounded; a method is whatever the caller writes.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestContext:
    """Gives the request an id (the caller's `X-Request-Id` when it has a sane form) and says how it ended."""

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponse]") -> None:
        self._get_response = get_response

    def __call__(self, request: "HttpRequest") -> "HttpResponse":
        started = time.perf_counter()
        name = request_id(request.headers.get("X-Request-Id", ""))
        request.request_id = name  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=name)
        try:
            response = self._get_response(request)
            response["X-Request-Id"] = name
            self._note(request, response, time.perf_counter() - started)
        finally:
            structlog.contextvars.clear_contextvars()
        return response

    def _note(self, request: "HttpRequest", response: "HttpResponse", seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "(none)"
        method = request.method if request.method in _METHODS else "other"
        metrics.REQUESTS.labels(method, route, response.status_code).inc()
        metrics.REQUEST_SECONDS.labels(route).observe(seconds)
        log.info(
            "request",
            extra={
                "method": request.method,
                "route": route,
                "status": response.status_code,
                "ms": round(seconds * 1000, 1),
            },
        )
