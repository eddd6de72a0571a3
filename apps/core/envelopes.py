"""The two shapes of every answer of the public API, and the public table of errors.

Kept below the transports because two of them (Django's and the streaming one) answer with it. Domain code never
imports this: it raises the errors of `apps.core.errors`, whose `type` is looked up here.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """A row of the public table: `http` is the status line's number, `code` the finer one in `error.code`."""

    type: str
    http: int
    code: int


_TABLE = (
    ErrorKind("invalid_request", 400, 10000),
    ErrorKind("invalid_model", 400, 10001),
    ErrorKind("invalid_task_type", 400, 10002),
    ErrorKind("prompt_rejected", 400, 10003),
    ErrorKind("parent_task_outdated", 400, 10004),
    ErrorKind("action_already_performed", 400, 10005),
    ErrorKind("invalid_api_key", 401, 10100),
    ErrorKind("insufficient_credits", 402, 10200),
    ErrorKind("spend_limit_reached", 402, 10201),
    ErrorKind("plan_required", 403, 10300),
    ErrorKind("no_seat", 403, 10301),
    ErrorKind("scope_denied", 403, 10302),
    ErrorKind("ip_not_allowed", 403, 10303),
    ErrorKind("not_found", 404, 10400),
    ErrorKind("not_cancellable", 409, 10500),
    ErrorKind("idempotency_conflict", 409, 10501),
    ErrorKind("payload_too_large", 413, 10600),
    ErrorKind("rate_limited", 429, 10700),
    ErrorKind("concurrency_exceeded", 429, 10701),
    ErrorKind("no_route", 503, 10800),
    ErrorKind("internal_error", 500, 10900),
)
ERROR_KINDS = MappingProxyType({kind.type: kind for kind in _TABLE})

ROUTE_NOT_FOUND = "404 page not found"


def success(data: Any) -> dict[str, Any]:
    return {"code": 200, "data": data, "message": "success"}


def failure(
    *,
    type: str,
    message: str,
    request_id: str,
    detail: dict[str, Any] | None = None,
    http: int | None = None,
) -> dict[str, Any]:
    """The error envelope. `http` is given where one type serves several statuses (405 is an invalid_request)."""
    kind = ERROR_KINDS[type]
    return {
        "code": http or kind.http,
        "message": message,
        "data": None,
        "error": {
            "code": kind.code,
            "type": kind.type,
            "message": message,
            "detail": detail,
            "request_id": request_id,
        },
    }
