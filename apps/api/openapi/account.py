"""What answers about the ledger and about usage hold, as JSON Schema."""

from typing import get_args

from apps.api.openapi.shapes import (
    DECIMAL,
    POINTS,
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
from apps.billing.models import CreditEntry
from apps.tasks.selectors import Split

TRANSACTION_KINDS = [kind.value.lower() for kind in CreditEntry.Kind]
# Who the people are is for the dashboard.
USAGE_SPLITS = ["day", *(split for split in get_args(Split) if split != "member")]

_SIGNED = integer("Points, signed: 10,000,000 are one US dollar.")
_TRANSACTION = obj(
    {
        "id": integer("The ledger line's number."),
        "created_at": TIME,
        "kind": text(enum=TRANSACTION_KINDS),
        "reference": text("The cause. The same cause moves points once per kind."),
        "task_id": nullable(text(format="uuid")),
        "api_key": text("The key that was used, masked; empty without one."),
        "points": _SIGNED | {"description": "What it did to available and held together."},
        "usd": DECIMAL,
        "available_change": _SIGNED,
        "held_change": _SIGNED,
        "debt_change": _SIGNED,
        "balance_points": POINTS,
        "available_points": POINTS,
        "held_points": POINTS,
        "note": text(),
    }
)
_ENDED = {
    "completed": integer("Tasks.", minimum=0),
    "failed": integer("Tasks; they cost nothing.", minimum=0),
    "cancelled": integer("Tasks; they cost nothing.", minimum=0),
    "charged_points": POINTS,
    "refunded_points": POINTS,
    "points": _SIGNED | {"description": "Charged less refunded."},
    "usd": DECIMAL,
    "run_seconds": DECIMAL,
}
_ITEM = obj(
    {
        "day": text(format="date"),
        "model": text("Empty: no task, such as a chat."),
        "key_id": nullable(integer()),
        "api_key": text("Its name and the key, masked; empty: made in the dashboard."),
        **_ENDED,
    },
    required=tuple(_ENDED),
    description="Besides the numbers, `day`, `model` or `key_id` and `api_key`.",
)

SCHEMAS: dict[str, Schema] = {
    "Transaction": _TRANSACTION,
    "TransactionListAnswer": envelope(
        obj(
            {
                "items": array(reference("Transaction")),
                "next_cursor": nullable(text()),
                "opening_points": POINTS,
                "closing_points": POINTS,
            }
        )
    ),
    "UsageAnswer": envelope(
        obj(
            {
                "by": text(enum=USAGE_SPLITS),
                "from": text(format="date"),
                "to": text(format="date"),
                "items": array(_ITEM),
                "total": obj(_ENDED),
            }
        )
    ),
}
