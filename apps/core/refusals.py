"""What a caller of the API is told when something was raised: the same from every server that speaks it."""

import logging
from dataclasses import dataclass, field
from typing import Any

from django.db import InterfaceError, OperationalError

from apps.core import envelopes
from apps.core.errors import DomainError

log = logging.getLogger(__name__)

_DATABASE_RETRY_SECONDS = 5


@dataclass(frozen=True)
class Refusal:
    """An answer that is none of success."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def refusal(
    type: str,
    message: str,
    *,
    request_id: str,
    detail: dict[str, Any] | None = None,
    retry_after: int | None = None,
    http: int | None = None,
) -> Refusal:
    """The error envelope with the headers that go with it; `http` as in `envelopes.failure`."""
    body = envelopes.failure(
        type=type, message=message, detail=detail, request_id=request_id, http=http
    )
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if body["code"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Refusal(body["code"], body, headers)


def of_error(error: Exception, *, request_id: str) -> Refusal:
    """A refusal of ours in its own words. Anything else is our fault: the log has its details, the caller an id."""
    if isinstance(error, DomainError):
        return refusal(
            error.type,
            error.message,
            request_id=request_id,
            detail=error.detail,
            retry_after=error.retry_after,
        )
    if isinstance(error, (OperationalError, InterfaceError)):
        log.error("database not usable", extra={"error": type(error).__name__})
        return refusal(
            "internal_error",
            "The service is not available for a moment. Nothing was charged; try again.",
            request_id=request_id,
            retry_after=_DATABASE_RETRY_SECONDS,
            http=503,
        )
    log.error("unexpected error", exc_info=error)
    return refusal("internal_error", "Something went wrong on our side.", request_id=request_id)
