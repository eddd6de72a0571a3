"""The OpenAPI document as a whole."""

from functools import cache
from typing import Any

import orjson
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from apps.api.openapi import conversations, llm, llm_schemas, mj_v2
from apps.api.openapi.inputs import create_task_schemas
from apps.api.openapi.operations import STREAM_TASK
from apps.api.openapi.schemas import SCHEMAS
from apps.api.openapi.shapes import ERROR_TITLES, HEADERS, SECURITY_SCHEMES, error_response

_ABOUT = """One API for every model. Create a task, then read it until its status is final.

Every answer but file downloads and those below `/mj/v2` and `/v1` has the same shape: `code` (the HTTP status), `data`
and `message`; an error adds `error` with a finer code, a type, a detail and the request id. Bodies are read as JSON
whatever their content type.
Unknown fields are ignored, and null is the same as absent."""


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's last step: add what the operations refer to."""
    result["info"]["description"] = _ABOUT
    result["tags"] = [
        {"name": name}
        for name in (
            "Tasks",
            llm.TAG,
            conversations.TAG,
            "Webhooks",
            "Models",
            "Files",
            "Account",
            "Midjourney v2",
            "Older calls",
        )
    ]
    # Served by the gateway, which drf-spectacular cannot see.
    result["paths"]["/api/v1/task/{task_id}/events"] = {"get": STREAM_TASK}
    result["paths"] |= llm.PATHS | conversations.PATHS
    result["servers"] = [{"url": settings.BASE_URL}]
    result["components"] = {
        "schemas": SCHEMAS | conversations.SCHEMAS | create_task_schemas() | mj_v2.body_schemas(),
        "responses": {f"Error{status}": error_response(status) for status in ERROR_TITLES}
        | mj_v2.ERROR_RESPONSES
        | llm_schemas.ERROR_RESPONSES,
        "headers": HEADERS | llm.HEADERS,
        "securitySchemes": SECURITY_SCHEMES,
    }
    return result


@cache
def document() -> bytes:
    """The whole as JSON; it changes only with the code."""
    generator: Any = SchemaGenerator
    return orjson.dumps(generator().get_schema(request=None, public=True))
