"""The frame of an operation: who may call, what comes back, which errors there are."""

from typing import Any

from apps.api.openapi.shapes import json_answer, reference

LIMIT_HEADERS = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
}
WITH_KEY: list[dict[str, list[str]]] = [{"apiKey": []}, {"bearer": []}]
ALWAYS = (429, 500)
KEYED = (401, 403, *ALWAYS)
BODY = (400, 413)


def operation(
    name: str,
    tag: str,
    summary: str,
    *,
    description: str,
    answer: str,
    errors: tuple[int, ...],
    open_to_all: bool = False,
    error: str = "Error",
    **more: Any,
) -> dict[str, Any]:
    """`answer` names the schema of a 200, `error` the responses that errors are shown by."""
    responses: dict[str, Any] = {
        "200": json_answer("The request succeeded.", answer, headers=LIMIT_HEADERS)
    }
    for status in sorted(errors):
        responses[str(status)] = {"$ref": f"#/components/responses/{error}{status}"}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": [{}, *WITH_KEY] if open_to_all else WITH_KEY,
        "responses": responses,
        **more,
    }


def body(schema: str, *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": reference(schema)}}}


def query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


TASK_ID = {
    "name": "task_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
UNIX = {"type": "integer", "minimum": 0, "maximum": 99_999_999_999}

_CREATE_HEADERS = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Names this request; 1 to 255 printable ASCII characters.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    {
        "name": "X-Deadline-Seconds",
        "in": "header",
        "description": "The task fails with 11001, free of charge, when it has not ended so long after its creation, "
        "waiting included.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 86_400},
    },
]
_REPLAYED = {
    "description": "`true` when this is an earlier answer again.",
    "schema": {"type": "string", "const": "true"},
}


def creating(name: str, tag: str, summary: str, **terms: Any) -> dict[str, Any]:
    """An operation that makes a task."""
    made = operation(
        name,
        tag,
        summary,
        errors=(*KEYED, *BODY, 402, 404, 409, 503),
        parameters=_CREATE_HEADERS,
        **terms,
    )
    made["responses"]["200"]["headers"] = {**LIMIT_HEADERS, "Idempotent-Replayed": _REPLAYED}
    return made
