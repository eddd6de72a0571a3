"""Events to tell, written in the transaction that makes them true."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models.functions import Now

from apps.core.queue import Wake
from apps.notifications.models import Delivery

_LANE_LENGTH = 300
_deliverer = Wake("notifications.deliver", queue="deliver")


@dataclass(frozen=True)
class Event:
    """Something a customer's endpoint is to be told.

    `body` is sent byte for byte on every attempt. `secret` is sealed text (apps.core.sealing) and `sealed_to` the row
    it was sealed for, "" for none. `occurred_at` None means now, by the database's clock.
    """

    workspace_id: int
    subject: str
    kind: str
    endpoint: str
    body: str = field(repr=False)
    secret: str = field(default="", repr=False)
    sealed_to: str = ""
    dialect: str = Delivery.Dialect.UNIFIED
    occurred_at: datetime | None = None


def add(events: Sequence[Event]) -> None:
    """Write events in the caller's transaction; they are sent once it has committed, and not at all when it does not.

    Events of one subject are to be given in the order they happened: receivers order by it.
    """
    if not events:
        return
    Delivery.objects.bulk_create([_row(event) for event in events])
    wake()


def wake() -> None:
    """Have what is due sent soon after the current transaction has committed."""
    _deliverer.after_commit()


def _row(event: Event) -> Delivery:
    return Delivery(
        workspace_id=event.workspace_id,
        subject=event.subject,
        kind=event.kind,
        endpoint=event.endpoint,
        lane=lane_of(workspace_id=event.workspace_id, endpoint=event.endpoint),
        secret=event.secret,
        sealed_to=event.sealed_to,
        dialect=event.dialect,
        body=event.body,
        occurred_at=event.occurred_at or Now(),
    )


def lane_of(*, workspace_id: int, endpoint: str) -> str:
    """`<workspace id>|<host>:<port>`: endpoints of one lane share a window, and no lane waits for another."""
    return f"{workspace_id}|{_target(endpoint)}"[:_LANE_LENGTH]


def _target(endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"{(parts.hostname or '').rstrip('.')}:{port}"
    except ValueError:
        # It was checked when it was given; should it be no URL all the same, its attempts fail in a lane of their own.
        return "?"
