"""Events to tell, written in the transaction that makes them true."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from apps.core import turns
from apps.core.queue import Wake
from apps.notifications.models import Delivery

_LANE_LENGTH = 300
# The pump holds this turn while it runs.
TURN = "notifications.deliver"
_deliverer = Wake("notifications.deliver", queue="deliver", unless=partial(turns.is_taken, TURN))


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
    columns: list[list[Any]] = [
        [uuid.uuid4() for _ in events],
        [event.workspace_id for event in events],
        [event.subject for event in events],
        [event.kind for event in events],
        [event.endpoint for event in events],
        [lane_of(workspace_id=one.workspace_id, endpoint=one.endpoint) for one in events],
        [event.secret for event in events],
        [event.sealed_to for event in events],
        [str(event.dialect) for event in events],
        [event.body for event in events],
        [event.occurred_at for event in events],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)
    wake()


# On the way of every request that creates a task, so without the ORM's share. Ids grow in the order of the arrays.
_ADD = """
INSERT INTO notifications_delivery (event_id, workspace_id, subject, kind, endpoint, lane, secret, sealed_to, dialect,
                                    body, occurred_at)
SELECT event_id, workspace_id, subject, kind, endpoint, lane, secret, sealed_to, dialect, body,
       COALESCE(occurred_at, statement_timestamp())
  FROM unnest(%s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
              %s::text[], %s::text[], %s::timestamptz[]) WITH ORDINALITY
       AS v (event_id, workspace_id, subject, kind, endpoint, lane, secret, sealed_to, dialect, body, occurred_at, n)
 ORDER BY n
"""


# The same as part of a statement that makes its subject: `WITH … subject AS (… RETURNING workspace_id, created_at)`.
# The body is `%s`, or an expression over the columns of the subject. Parameters: see `cte_parameters`.
ADD_CTE = """
delivery AS (
    INSERT INTO notifications_delivery (event_id, subject, kind, endpoint, lane, secret, sealed_to, dialect,
                                        workspace_id, occurred_at, body)
    SELECT %s::uuid, %s, %s, %s, %s, %s, %s, %s, workspace_id, created_at, {body} FROM {subject}
)
"""


def cte_parameters(event: Event) -> list[Any]:
    """What `ADD_CTE` takes before those of its body."""
    return [
        uuid.uuid4(),
        event.subject,
        event.kind,
        event.endpoint,
        lane_of(workspace_id=event.workspace_id, endpoint=event.endpoint),
        event.secret,
        event.sealed_to,
        str(event.dialect),
    ]


def wake() -> None:
    """Have what is due sent soon after the current transaction has committed."""
    _deliverer.after_commit()


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
