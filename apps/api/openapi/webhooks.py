"""What answers about webhook deliveries hold, as JSON Schema."""

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

DELIVERY_STATES = ["waiting", "delivered", "failed", "stopped"]
_ATTEMPT = obj(
    {
        "at": TIME,
        "status": nullable(integer("What the receiver answered; null: nothing.")),
        "error": text("Why it did not count; empty when it did."),
        "ms": integer("How long it took.", minimum=0),
    }
)
_DELIVERY = obj(
    {
        "delivery_id": text(format="uuid"),
        "event_id": text("The header `webhook-id` of every attempt."),
        "sequence": integer("The header `webhook-sequence`: grows with the events of a task."),
        "task_id": text("The task it tells of."),
        "kind": text("What it tells.", examples=["task.completed"]),
        "endpoint": text("Where it is sent."),
        "state": text(
            "`failed`: every attempt was used. `stopped`: the receiver answered 410.",
            enum=DELIVERY_STATES,
        ),
        "attempts": integer("Since it was made or last replayed.", minimum=0),
        "next_attempt_at": TIME,
        "occurred_at": TIME,
        "ended_at": TIME,
        "log": array(_ATTEMPT),
    }
)
SCHEMAS: dict[str, Schema] = {
    "Delivery": _DELIVERY,
    "DeliveryAnswer": envelope(reference("Delivery")),
    "DeliveryListAnswer": envelope(
        obj(
            {
                "items": array(reference("Delivery")),
                "next_cursor": nullable(text()),
            }
        )
    ),
}
