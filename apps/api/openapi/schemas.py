"""What answers hold, as JSON Schema."""

from apps.api.openapi.account import SCHEMAS as ACCOUNT
from apps.api.openapi.histories import SCHEMAS as HISTORIES
from apps.api.openapi.legacy import SCHEMAS as LEGACY
from apps.api.openapi.llm_schemas import SCHEMAS as LLM
from apps.api.openapi.mj_v2 import SCHEMAS as MJ_V2
from apps.api.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    DECIMAL,
    ERROR_TITLES,
    POINTS,
    TIME,
    Schema,
    array,
    envelope,
    error_schema,
    integer,
    nullable,
    obj,
    reference,
    text,
)
from apps.api.openapi.webhooks import SCHEMAS as WEBHOOKS

_CONFIG = obj(
    {
        "service_mode": text(
            "`public` uses the operator's accounts, `private` your own; empty: what the workspace is set to.",
            enum=["", "public", "private"],
        ),
        "webhook_config": obj(
            {
                "endpoint": text("Called when the task changes; empty: nobody is.", maxLength=2048),
                "secret": text("Sent along, never shown again.", maxLength=512),
                "progress": {
                    "type": "boolean",
                    "description": "Call also when it starts and gets on.",
                },
            },
            required=(),
        ),
        "client_reference": text("Your own name for it; need not be unique.", maxLength=255),
        "retention": text(
            "How long its files are kept: an hour, a day, as long as the plan says, or a year (Premium).",
            enum=["1h", "1d", "plan", "1y"],
            default="plan",
        ),
    },
    required=(),
)
_USAGE = obj(
    {
        "type": {"const": "point"},
        "frozen": integer("Held for this task.", minimum=0),
        "consume": integer("What it cost.", minimum=0),
    }
)
_META = obj(
    {
        "created_at": TIME,
        "started_at": TIME,
        "ended_at": TIME,
        "usage": _USAGE,
        "is_using_private_pool": BOOLEAN,
        "model_version": text("Midjourney only."),
        "process_mode": text("Midjourney only."),
        "failover_triggered": {"type": "boolean", "description": "Midjourney only."},
    },
    required=("created_at", "started_at", "ended_at", "usage", "is_using_private_pool"),
)
_TASK_ERROR = obj(
    {
        "code": integer("0: no error.", enum=[0, *range(11000, 11007)]),
        "raw_message": text("The provider's own words."),
        "message": text("What went wrong, in ours."),
        "detail": nullable(ANY_OBJECT),
    }
)
_TASK = obj(
    {
        "task_id": text(format="uuid"),
        "model": text(),
        "task_type": text(),
        "status": text(
            enum=["staged", "pending", "processing", "completed", "failed", "cancelled"]
        ),
        "config": _CONFIG,
        "input": {**ANY_OBJECT, "description": "What was asked for; inline media as URLs."},
        "output": {
            "anyOf": [ANY_OBJECT, {"type": "null"}],
            "description": "The result; its fields depend on the model.",
        },
        "meta": _META,
        "detail": nullable(ANY_OBJECT),
        "logs": array(ANY_OBJECT),
        "error": _TASK_ERROR,
    }
)
_LINE = obj({"rate": text(), "unit": text(), "quantity": DECIMAL, "points_per_unit": DECIMAL})
_QUOTE = obj(
    {
        "model": text(),
        "task_type": text(),
        "points": POINTS,
        "usd": DECIMAL,
        "credits": DECIMAL,
        "lines": array(_LINE),
        "available": {"type": "boolean", "description": "Whether somebody can serve it now."},
        "balance": obj({"available_points": POINTS, "sufficient": BOOLEAN}),
        "process_mode": text(),
    }
)
_RATE = obj({"rate": text(), "unit": text(), "usd": DECIMAL, "points_per_unit": DECIMAL})
_MODEL = obj(
    {
        "model": text(),
        "task_type": text(),
        "family": text(),
        "title": text(),
        "summary": text(),
        "output": text(enum=["image", "video", "audio", "3d", "text"]),
        "input_schema": {**ANY_OBJECT, "description": "JSON Schema of `input`."},
        "example": ANY_OBJECT,
        "price": obj({"currency": {"const": "USD"}, "rates": array(_RATE)}),
        "modes": array(text()),
        "plan": text("The lowest plan that includes it."),
        "available": BOOLEAN,
    }
)
_ACTIVE = obj(
    {f"{status}_count": integer(minimum=0) for status in ("staged", "pending", "processing")}
    | {"active_tasks": array(text(format="uuid"))}
)
_NUMBER: Schema = {"type": "number", "minimum": 0}
_ACCOUNT = obj(
    {
        "id": integer(),
        "name": text(),
        "plan": text(enum=["hobbyist", "developer", "premium"]),
        "api_key": text("The key in use, masked."),
        "equivalent_in_usd": {**_NUMBER, "description": "The balance in US$."},
        "credit_pack_info": obj(
            {
                f"{name}_credits": _NUMBER
                for name in ("available", "used", "total", "frozen", "expired", "inactive")
            },
            description="In display credits: 700 are one US dollar.",
        ),
        "wallet": obj({"balance": POINTS, "frozen": POINTS, "currency": {"const": "point"}}),
        "created_at": TIME,
        "updated_at": TIME,
    },
    description="And the further fields that clients of this API family know: pools, seats, limits.",
)
_UPLOAD = obj(
    {
        "file_name": text(
            "Ends in jpg, jpeg, png, webp, mp4, wav or mp3.",
            minLength=1,
            maxLength=128,
            examples=["hello.png"],
        ),
        "file_data": text("Base64 or a data URI, at most 10 MB of data.", minLength=1),
    }
)

SCHEMAS: dict[str, Schema] = {
    "TaskConfig": _CONFIG,
    "Task": _TASK,
    "TaskAnswer": envelope(reference("Task")),
    "TaskListAnswer": envelope(
        obj(
            {
                "items": array(reference("Task")),
                "next_cursor": nullable(text()),
                "missing": array(text("What was asked for by `ids` and is not there.")),
            },
            required=("items", "next_cursor"),
        )
    ),
    "CancelledAnswer": envelope(
        obj({"cancelled": array(text(format="uuid")), "skipped": array(text(format="uuid"))})
    ),
    "ActiveTasksAnswer": envelope({"type": "object", "additionalProperties": _ACTIVE}),
    "QuoteAnswer": envelope(_QUOTE),
    "Model": _MODEL,
    "ModelListAnswer": envelope(array(reference("Model"))),
    "AccountInfoAnswer": envelope(_ACCOUNT),
    "Redeem": obj({"code": text(minLength=1, examples=["LAUNCH-7K3QXM-0Z9RT-4D2WE-HHV1P-8S5NA"])}),
    "RedeemAnswer": envelope(
        obj(
            {
                "credits": {"type": "number", "description": "Display credits that were added."},
                "equivalent_in_usd": {"type": "number", "description": "The same in US dollars."},
            }
        )
    ),
    "Upload": _UPLOAD,
    "UploadAnswer": envelope(obj({"url": text(format="uri")})),
    **ACCOUNT,
    **WEBHOOKS,
    **HISTORIES,
    **LEGACY,
    **MJ_V2,
    **LLM,
    **{f"Error{status}": error_schema(status) for status in ERROR_TITLES},
}
