"""Answers of the gateway in the API's shape."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from apps.core import envelopes
from apps.core.refusals import Refusal


def refused(
    refusal: Refusal, *, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    return _answer(refusal.status, refusal.body, {**(headers or {}), **refusal.headers}, request_id)


def succeeded(data: Any, *, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    return _answer(200, envelopes.success(data), headers or {}, request_id)


def base_headers(request_id: str) -> dict[str, str]:
    """What every answer has."""
    return {
        "X-Request-Id": request_id,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }


def _answer(
    status: int, body: dict[str, Any], headers: Mapping[str, str], request_id: str
) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/json",
        headers={**base_headers(request_id), **headers},
    )
