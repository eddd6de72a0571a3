"""Refusals in the shapes that the clients of the interfaces know."""

from types import MappingProxyType
from typing import Any

from apps.core.refusals import Refusal

_ANTHROPIC_TYPES = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)


def openai(refusal: Refusal) -> dict[str, Any]:
    """Our envelope, which has OpenAI's `error.message`, `type` and `code`, with its `param` too."""
    detail = refusal.body["error"]["detail"]
    param = detail.get("field") if isinstance(detail, dict) else None
    return {**refusal.body, "error": {**refusal.body["error"], "param": param}}


def anthropic(refusal: Refusal) -> dict[str, Any]:
    """Anthropic's error object. It has no room for our finer code: the message says what to do."""
    error = refusal.body["error"]
    return {
        "type": "error",
        "error": {"type": _anthropic_type(refusal.status), "message": error["message"]},
        "request_id": error["request_id"],
    }


def _anthropic_type(status: int) -> str:
    other = "invalid_request_error" if status < 500 else "api_error"
    return _ANTHROPIC_TYPES.get(status, other)
