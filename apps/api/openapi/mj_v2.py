"""The older Midjourney API as OpenAPI says it: answers without an envelope, errors with a status."""

from apps.api.openapi.calls import ALWAYS, BODY, body, creating, operation
from apps.api.openapi.inputs import component_name
from apps.api.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    ERROR_TITLES,
    Schema,
    array,
    error_response,
    error_schema,
    integer,
    nullable,
    obj,
    reference,
    text,
)
from apps.catalog import registry
from apps.catalog.midjourney.inputs import LONGEST_PROMPT
from apps.catalog.specs.midjourney import MODEL

TAG = "Midjourney v2"
TASK_TYPES = (
    "imagine", "upscale", "variation", "reroll", "inpaint", "outpaint", "pan", "describe", "blend", "seed",
)  # fmt: skip
_ERROR = "V2Error"
_KEYLESS = (401, 403, *ALWAYS, *BODY)

CREATE = {
    task_type: creating(
        f"v2_{task_type}",
        TAG,
        f"Midjourney {task_type}",
        description="The task of the same name in `POST /api/v1/task`, with the fields of its `input` at the top of "
        "the body. The task can be read in both APIs.",
        answer="V2Created",
        error=_ERROR,
        requestBody=body(f"V2.{task_type}"),
    )
    for task_type in TASK_TYPES
}
FETCH = operation(
    "v2_fetch",
    TAG,
    "Read a Midjourney task",
    description="Whoever knows a task's id may read it; no key is needed.",
    answer="V2Task",
    errors=(*_KEYLESS, 404),
    error=_ERROR,
    open_to_all=True,
    requestBody=body("V2Fetch"),
)
MULTI_FETCH = operation(
    "v2_multi_fetch",
    TAG,
    "Read up to 50 Midjourney tasks",
    description="By id; null for an id that is no Midjourney task. No key is needed.",
    answer="V2Tasks",
    errors=_KEYLESS,
    error=_ERROR,
    open_to_all=True,
    requestBody=body("V2MultiFetch"),
)
VALIDATION = operation(
    "v2_validation",
    TAG,
    "Check a prompt",
    description="What creating a task would say of the prompt. Nothing is created; no key is needed.",
    answer="V2Checked",
    errors=_KEYLESS,
    error=_ERROR,
    open_to_all=True,
    requestBody=body("V2Validation"),
)

_UNIX = integer("Unix time in seconds; 0: not yet.", minimum=0)
_QUOTAS = integer("Quotas: 200 are one US dollar.", minimum=0)
_URLS = array(text())
_META = obj(
    {
        "created_at": _UNIX,
        "started_at": _UNIX,
        "completed_at": _UNIX,
        "task_type": text(),
        "process_mode": text(),
        "task_input": ANY_OBJECT,
        "quota_frozen": _QUOTAS,
        "frozen_credit": {"const": 0},
    }
)
_RESULT = obj(
    {
        "discord_image_url": text("The provider's own address, which lives a day; by plan."),
        "image_url": text("The picture, or the grid of four."),
        "image_urls": {**_URLS, "description": "The four pictures of a grid."},
        "permanent_url": text(),
        "task_progress": integer("In percent; by plan.", minimum=0, maximum=100),
        "intermediate_image_urls": {**_URLS, "description": "On the way; by plan."},
        "image_id": text(),
        "seed": text("Of a seed task."),
        "result_message_id": text(),
        "quota_used": _QUOTAS,
        "credit": {"const": 0},
        "message": text("Of a describe task: the prompts."),
        "error": text("Why it failed."),
        "error_messages": array(text()),
        "need_retry": BOOLEAN,
        "actions": array(text()),
    }
)
_TASK = obj(
    {
        "task_id": text(format="uuid"),
        "status": text(enum=["pending", "processing", "finished", "failed"]),
        "process_time": integer("Seconds from start to end.", minimum=0),
        "meta": _META,
        "task_result": _RESULT,
    }
)
_COMMON = obj(
    {
        "webhook_endpoint": text("Called with the task; empty: nobody is.", maxLength=2048),
        "webhook_secret": text("Sent along, never shown again.", maxLength=512),
        "notify_progress": {"type": "boolean", "description": "Call also on the way."},
        "service_mode": text(
            "Empty: what the workspace is set to.", enum=["", "public", "private"]
        ),
    },
    required=(),
)


def _error(status: int) -> Schema:
    plain = error_schema(status)
    return obj({"status": {"const": "failed"}, **plain["properties"]})


SCHEMAS: dict[str, Schema] = {
    "V2Common": _COMMON,
    "V2Created": obj(
        {
            "status": {"const": "success"},
            "task_id": text(format="uuid"),
            "message": text(),
            "success": {"const": True},
        }
    ),
    "V2Task": _TASK,
    "V2Tasks": obj(
        {"data": {"type": "object", "additionalProperties": nullable(reference("V2Task"))}}
    ),
    "V2Checked": obj(
        {
            "Prompt": text("As it would be used, without --ar and --repeat."),
            "ErrorMessage": text("Empty: it is fine."),
            "AspectRatio": text("The value of --ar."),
        }
    ),
    "V2Fetch": obj({"task_id": text(format="uuid")}),
    "V2MultiFetch": obj({"task_ids": {**array(text()), "maxItems": 50}}),
    "V2Validation": obj({"prompt": text(maxLength=LONGEST_PROMPT)}),
    **{f"{_ERROR}{status}": _error(status) for status in ERROR_TITLES},
}
ERROR_RESPONSES = {
    f"{_ERROR}{status}": error_response(status, schema=_ERROR) for status in ERROR_TITLES
}


def body_schemas() -> dict[str, Schema]:
    """`V2.<task type>`: the input of that type with what every body may hold besides."""
    return {f"V2.{task_type}": _body(task_type) for task_type in TASK_TYPES}


def _body(task_type: str) -> Schema:
    spec = registry.spec_of(MODEL, task_type)
    return {"allOf": [reference(f"{component_name(spec)}.input"), reference("V2Common")]}
