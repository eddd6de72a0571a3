"""Every operation of the API as OpenAPI says it. Views name theirs; a test finds a view without one."""

from typing import Any

from apps.api.openapi.shapes import json_answer, reference

_LIMIT_HEADERS = {
    name: {"$ref": f"#/components/headers/{name}"}
    for name in ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
}
_WITH_KEY: list[dict[str, list[str]]] = [{"apiKey": []}, {"bearer": []}]
_ALWAYS = (429, 500)
_KEYED = (401, 403, *_ALWAYS)
_BODY = (400, 413)


def _operation(
    name: str,
    tag: str,
    summary: str,
    *,
    description: str,
    answer: str,
    errors: tuple[int, ...],
    open_to_all: bool = False,
    **more: Any,
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": json_answer("The request succeeded.", answer, headers=_LIMIT_HEADERS)
    }
    for status in sorted(errors):
        responses[str(status)] = {"$ref": f"#/components/responses/Error{status}"}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": [{}, *_WITH_KEY] if open_to_all else _WITH_KEY,
        "responses": responses,
        **more,
    }


def _body(schema: str, *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {"application/json": {"schema": reference(schema)}}}


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_TASK_ID = {
    "name": "task_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_UNIX = {"type": "integer", "minimum": 0, "maximum": 99_999_999_999}

CREATE_TASK = _operation(
    "createTask",
    "Tasks",
    "Create a task",
    description="Accepts the task, holds its price and answers before it has run. Read the task until its status is "
    "`completed`, `failed` or `cancelled`. With an `Idempotency-Key` a repetition within 24 hours gives the first "
    "answer again and never a second task.",
    answer="TaskAnswer",
    errors=(*_KEYED, *_BODY, 402, 404, 409, 503),
    requestBody=_body("CreateTask"),
    parameters=[
        {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Names this request; 1 to 255 printable ASCII characters.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
    ],
)
CREATE_TASK["responses"]["200"]["headers"] = {
    **_LIMIT_HEADERS,
    "Idempotent-Replayed": {
        "description": "`true` when this is an earlier answer again.",
        "schema": {"type": "string", "const": "true"},
    },
}
READ_TASK = _operation(
    "getTask",
    "Tasks",
    "Read a task",
    description="The task as it is now. A task of another workspace does not exist.",
    answer="TaskAnswer",
    errors=(*_KEYED, 404),
    parameters=[_TASK_ID],
)
CANCEL_TASK = _operation(
    "cancelTask",
    "Tasks",
    "Cancel a task",
    description="Possible until it starts; the held amount is given back at once. Afterwards: 409.",
    answer="TaskAnswer",
    errors=(*_KEYED, 404, 409),
    parameters=[_TASK_ID],
)
LIST_TASKS = _operation(
    "listTasks",
    "Tasks",
    "List tasks",
    description="Newest first. Hand `next_cursor` back as `cursor` for the next page; it is null on the last one.",
    answer="TaskListAnswer",
    errors=(*_KEYED, 400),
    parameters=[
        _query("cursor", "`next_cursor` of an earlier answer.", type="string", maxLength=64),
        _query("limit", "Tasks on a page.", type="integer", minimum=1, maximum=100, default=20),
        _query(
            "status",
            "Only tasks in this state.",
            type="string",
            enum=["staged", "pending", "processing", "completed", "failed", "cancelled"],
        ),
        _query(
            "model",
            "Only this model.",
            type="string",
            pattern="^[!-~]+$",
            minLength=1,
            maxLength=100,
        ),
        _query("created_after", "Unix time in seconds, inclusive.", **_UNIX),
        _query("created_before", "Unix time in seconds, exclusive.", **_UNIX),
    ],
)
QUOTE_TASK = _operation(
    "quoteTask",
    "Tasks",
    "Price a task",
    description="Takes the body of a create and answers what it would hold, with the sum behind it. Nothing is "
    "created. Also for what is not available at the moment.",
    answer="QuoteAnswer",
    errors=(*_KEYED, *_BODY),
    requestBody=_body("CreateTask"),
)
LIST_MODELS = _operation(
    "listModels",
    "Models",
    "List models",
    description="Every model and task type with its input, its price and whether it can be had now. With a key: the "
    "prices of that key's workspace.",
    answer="ModelListAnswer",
    errors=_KEYED,
    open_to_all=True,
)
ACCOUNT_INFO = _operation(
    "accountInfo",
    "Account",
    "Read the account",
    description="Plan, balance and limits of the workspace that the key belongs to.",
    answer="AccountInfoAnswer",
    errors=_KEYED,
)
UPLOAD = _operation(
    "uploadFile",
    "Files",
    "Upload a file for 24 hours",
    description="A picture, film or sound of at most 10 MB, to be used as an input by its URL. From the Developer plan "
    "up. Free.",
    answer="UploadAnswer",
    errors=(*_KEYED, *_BODY),
    requestBody=_body("Upload"),
)
