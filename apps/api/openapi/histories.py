"""The history of tasks and calls by pages, as OpenAPI says it."""

from apps.api.openapi.calls import KEYED, UNIX, operation, query
from apps.api.openapi.shapes import (
    TIME,
    Schema,
    array,
    envelope,
    integer,
    nullable,
    obj,
    reference,
    text,
)

LIST_HISTORIES = operation(
    "listHistories",
    "Account",
    "The history of tasks, or of calls of language models, by pages",
    description="Newest first. `total` is exact up to 10,000; of more only the newest 10,000 have pages, so ask for a "
    "span of time then. `GET /api/v1/tasks` has no such end.",
    answer="HistoriesAnswer",
    errors=(*KEYED, 400),
    parameters=[
        query("page", "Which page.", type="integer", minimum=1, maximum=10_000, default=1),
        query("page_size", "Tasks on it.", type="integer", minimum=1, maximum=100, default=10),
        query(
            "model",
            "Only this family: `mj`, `kling`, `flux`, `music-s` and so on; empty or `all`: every "
            "one. `llm`: the calls of `/v1` instead, by their last attempts; those are no tasks.",
            type="string",
            examples=["mj"],
        ),
        query("start_time", "Unix time in seconds, inclusive.", **UNIX),
        query("end_time", "Unix time in seconds, exclusive.", **UNIX),
    ],
)
_STATUSES = ["staged", "pending", "processing", "finished", "failed", "cancelled"]
_HISTORY = obj(
    {
        "task_id": text("Of a call: its id, as in `x-call-id`.", format="uuid"),
        "task_model": text(),
        "action": text("The task type; of a call its operation, such as `chat`."),
        "status": text("`finished` is what tasks call completed.", enum=_STATUSES),
        "created_at": TIME,
        "detail": obj(
            {
                "model": text(),
                "output": nullable(text("The first address of the result; null of a call.")),
                "task_id": text(format="uuid"),
                "task_type": text(),
            }
        ),
    }
)
SCHEMAS: dict[str, Schema] = {
    "History": _HISTORY,
    "HistoriesAnswer": envelope(
        obj(
            {
                "data": array(reference("History")),
                "total": integer(minimum=0, maximum=10_000),
                "page": integer(minimum=1),
                "page_size": integer(minimum=1, maximum=100),
            }
        )
    ),
}
