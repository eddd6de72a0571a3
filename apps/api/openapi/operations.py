"""Every operation of the API as OpenAPI says it. Views name theirs; a test finds a view without one."""

from apps.api.openapi.account import TRANSACTION_KINDS, USAGE_SPLITS
from apps.api.openapi.calls import BODY, KEYED, TASK_ID, UNIX, body, creating, operation, query
from apps.api.openapi.webhooks import DELIVERY_STATES

CREATE_TASK = creating(
    "createTask",
    "Tasks",
    "Create a task",
    description="Accepts the task, holds its price and answers before it has run. Read the task until its status is "
    "`completed`, `failed` or `cancelled`. With an `Idempotency-Key` a repetition within 24 hours gives the first "
    "answer again and never a second task.",
    answer="TaskAnswer",
    requestBody=body("CreateTask"),
)
READ_TASK = operation(
    "getTask",
    "Tasks",
    "Read a task",
    description="The task as it is now. A task of another workspace does not exist.",
    answer="TaskAnswer",
    errors=(*KEYED, 404),
    parameters=[TASK_ID],
)
CANCEL_TASK = operation(
    "cancelTask",
    "Tasks",
    "Cancel a task",
    description="Possible until it starts; the held amount is given back at once. Afterwards: 409.",
    answer="TaskAnswer",
    errors=(*KEYED, 404, 409),
    parameters=[TASK_ID],
)
_CREATED_BEFORE = query("created_before", "Unix time in seconds, exclusive.", **UNIX)
LIST_TASKS = operation(
    "listTasks",
    "Tasks",
    "List tasks, or read up to 50 at once",
    description="Newest first. Hand `next_cursor` back as `cursor` for the next page; it is null on the last one. With "
    "`ids`: those tasks in the order asked, and `missing`, the ids that are no task of this workspace; the other "
    "parameters are not looked at then.",
    answer="TaskListAnswer",
    errors=(*KEYED, 400),
    parameters=[
        query("cursor", "`next_cursor` of an earlier answer.", type="string", maxLength=64),
        query("limit", "Tasks on a page.", type="integer", minimum=1, maximum=100, default=20),
        query(
            "status",
            "Only tasks in this state.",
            type="string",
            enum=["staged", "pending", "processing", "completed", "failed", "cancelled"],
        ),
        query(
            "model",
            "Only this model.",
            type="string",
            pattern="^[!-~]+$",
            minLength=1,
            maxLength=100,
        ),
        query("client_reference", "Only tasks of this name.", type="string", maxLength=255),
        query("created_after", "Unix time in seconds, inclusive.", **UNIX),
        _CREATED_BEFORE,
        query("ids", "Task ids with commas between them, at most 50.", type="string"),
    ],
)
CANCEL_TASKS = operation(
    "cancelTasks",
    "Tasks",
    "Cancel many tasks",
    description="Cancels every task of the workspace that was created before then and has not started, and gives the "
    "held amounts back. `skipped` are those that match and run already.",
    answer="CancelledAnswer",
    errors=(*KEYED, 400),
    parameters=[
        {**_CREATED_BEFORE, "required": True},
        {
            **query(
                "model",
                "`all` or a family: `kling`, `midjourney`, `suno`, `luma`, `flux` and so on.",
                type="string",
                examples=["all", "kling"],
            ),
            "required": True,
        },
    ],
)
STREAM_TASK = operation(
    "streamTask",
    "Tasks",
    "Follow a task",
    description="Server-sent events: an event `task` with the task as `data` at once and on every change, and the "
    "end of the stream after the final state. A comment line every 15 seconds keeps the connection open. "
    "A stream lasts an hour at most. Resume with `Last-Event-ID`: nothing that you have seen is sent again.",
    answer="Task",
    errors=(*KEYED, 404),
    parameters=[
        TASK_ID,
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The `id` of the last event you have seen.",
            "schema": {"type": "string"},
        },
        query("last_event_id", "The same, for clients that cannot set headers.", type="string"),
    ],
)
STREAM_TASK["responses"]["200"]["content"] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: task\nid: 1234.40\ndata: {"task_id": "0f647527-…", "status": "processing"}\n\n',
    }
}
STREAM_TASK["responses"]["204"] = {
    "description": "The task has ended and `Last-Event-ID` is its final state: there is nothing to come."
}
QUOTE_TASK = operation(
    "quoteTask",
    "Tasks",
    "Price a task",
    description="Takes the body of a create and answers what it would hold, with the sum behind it. Nothing is "
    "created. Also for what is not available at the moment.",
    answer="QuoteAnswer",
    errors=(*KEYED, *BODY),
    requestBody=body("CreateTask"),
)
LIST_MODELS = operation(
    "listModels",
    "Models",
    "List models",
    description="Every model and task type with its input, its price and whether it can be had now. With a key: the "
    "prices of that key's workspace.",
    answer="ModelListAnswer",
    errors=KEYED,
    open_to_all=True,
)
ACCOUNT_INFO = operation(
    "accountInfo",
    "Account",
    "Read the account",
    description="Plan, balance and limits of the workspace that the key belongs to.",
    answer="AccountInfoAnswer",
    errors=KEYED,
)
ACTIVE_TASKS = operation(
    "activeTasks",
    "Account",
    "What is under way",
    description="By family: how many tasks are staged, pending and processing, and their ids, oldest first. Families "
    "without any are left out.",
    answer="ActiveTasksAnswer",
    errors=KEYED,
)
REDEEM = operation(
    "redeemCode",
    "Account",
    "Redeem a code",
    description="Adds what the code is worth to the workspace. A code works once; case, spaces and dashes do not "
    "matter. Five wrong codes in an hour: 429.",
    answer="RedeemAnswer",
    errors=(*KEYED, *BODY),
    requestBody=body("Redeem"),
)
LIST_TRANSACTIONS = operation(
    "listTransactions",
    "Account",
    "List the ledger",
    description="Every line that moved the balance, newest first: what a task held, what it cost, what was topped up, "
    "given back or has expired. `balance_points` is what is available and held together, so each line's is the one "
    "before it plus `points`. Hand `next_cursor` back as `cursor` for the next page; it is null on the last one. "
    "`opening_points` and `closing_points` are the balance before and after the asked time.",
    answer="TransactionListAnswer",
    errors=(*KEYED, 400),
    parameters=[
        query(
            "cursor", "`next_cursor` of an earlier answer.", type="string", pattern="^[0-9]{1,18}$"
        ),
        query("limit", "Lines on a page.", type="integer", minimum=1, maximum=100, default=20),
        query("kind", "Only these.", type="string", enum=TRANSACTION_KINDS),
        query("task_id", "Only of this task.", type="string", format="uuid"),
        query("from", "Unix time, included.", **UNIX),
        query("to", "Unix time, excluded.", **UNIX),
    ],
)
READ_USAGE = operation(
    "readUsage",
    "Account",
    "What was used and spent",
    description="By UTC day, model or API key, from daily sums that are about a minute old. Refunds count on the day "
    "on which they were given. Days and models without work are left out.",
    answer="UsageAnswer",
    errors=(*KEYED, 400),
    parameters=[
        query("by", "What an item is of.", type="string", enum=USAGE_SPLITS, default="day"),
        query("from", "First UTC day; empty: 30 days up to `to`.", type="string", format="date"),
        query("to", "Last UTC day, included; empty: today.", type="string", format="date"),
    ],
)
UPLOAD = operation(
    "uploadFile",
    "Files",
    "Upload a file for 24 hours",
    description="A picture, film or sound of at most 10 MB, to be used as an input by its URL. From the Developer plan "
    "up. Free.",
    answer="UploadAnswer",
    errors=(*KEYED, *BODY),
    requestBody=body("Upload"),
)
LIST_DELIVERIES = operation(
    "listDeliveries",
    "Webhooks",
    "List webhook deliveries",
    description="Newest first, each with the log of its attempts. Kept for 30 days. Hand `next_cursor` back as "
    "`cursor` for the next page; it is null on the last one.",
    answer="DeliveryListAnswer",
    errors=(*KEYED, 400),
    parameters=[
        query(
            "cursor", "`next_cursor` of an earlier answer.", type="string", pattern="^[0-9]{1,18}$"
        ),
        query("limit", "Deliveries on a page.", type="integer", minimum=1, maximum=100, default=20),
        query("state", "Only these.", type="string", enum=DELIVERY_STATES),
        query("task_id", "Only of this task.", type="string", format="uuid"),
    ],
)
REPLAY_DELIVERY = operation(
    "replayDelivery",
    "Webhooks",
    "Send an event again",
    description="At once, with the same `webhook-id` and body, and with all attempts before it. What is still waiting "
    "stays as it is. May be repeated.",
    answer="DeliveryAnswer",
    errors=(*KEYED, 404),
    parameters=[
        {
            "name": "delivery_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
    ],
)
