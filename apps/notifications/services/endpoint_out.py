"""Events on their way to the endpoints that chose them, written in the transaction that makes them true."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apps.accounts.models import Workspace
from apps.notifications import selectors
from apps.notifications.events import ENDPOINT_ACCOUNT_EVENTS
from apps.notifications.selectors import listening
from apps.notifications.services import hook_out, outbox


@dataclass(frozen=True)
class Told:
    """Something that happened in a workspace; `kind` is a word of `events`, `subject` what it is about."""

    workspace_id: int
    subject: str
    kind: str
    body: str = field(repr=False)


# A row for each endpoint that listens, in the statement's own snapshot: no list of endpoints can be stale. What one
# that is paused gets is stopped when its turn comes.
_ADD = """
INSERT INTO notifications_delivery (event_id, workspace_id, subject, kind, hook_id, endpoint, lane, body, occurred_at)
SELECT gen_random_uuid(), v.workspace_id, v.subject, v.kind, e.id, e.url, e.lane, v.body, statement_timestamp()
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
       AS v (workspace_id, subject, kind, body, n)
  JOIN notifications_endpoint e
    ON e.workspace_id = v.workspace_id AND e.state <> 'DELETED' AND e.events @> ARRAY[v.kind::varchar]
 ORDER BY v.n, e.created_at
"""

# The same as part of a statement that makes its subject, with `{body}` and `{subject}` as in `outbox.ADD_CTE`.
ADD_CTE = """
heard AS (
    INSERT INTO notifications_delivery (event_id, subject, kind, hook_id, endpoint, lane,
                                        workspace_id, occurred_at, body)
    SELECT gen_random_uuid(), %s, listening.kind, listening.hook_id, listening.url, listening.lane,
           workspace_id, created_at, {body}
      FROM {subject} JOIN (
        SELECT id AS hook_id, url, lane, workspace_id AS hook_workspace_id, asked.kind
          FROM notifications_endpoint, (SELECT %s::varchar AS kind) asked
         WHERE state <> 'DELETED' AND events @> ARRAY[asked.kind]) listening
        ON listening.hook_workspace_id = {subject}.workspace_id
 RETURNING id
)
"""


def add(told: Sequence[Told]) -> int:
    """Write what listening endpoints are to be told, and say how many deliveries that makes."""
    if not told:
        return 0
    columns: list[list[Any]] = [
        [one.workspace_id for one in told],
        [one.subject for one in told],
        [one.kind for one in told],
        [one.body for one in told],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)
        count: int = cursor.rowcount
    if count:
        outbox.wake()
    return count


def add_account_event(
    *, workspace_id: int, type: str, message: str, detail: Mapping[str, Any]
) -> int:
    """Tell of an account event where the plan has such events. Says how many endpoints are told."""
    if type not in ENDPOINT_ACCOUNT_EVENTS or not heard({workspace_id}, {type}):
        return 0
    if not selectors.may_have_hook(workspace=Workspace.objects.get(pk=workspace_id)):
        return 0
    body = hook_out.body_of(type=type, message=message, detail=detail)
    subject = listening.hooks_subject(workspace_id=workspace_id)
    return add([Told(workspace_id, subject, type, body)])


_HEARD = """
SELECT DISTINCT workspace_id, event FROM notifications_endpoint, unnest(events) event
 WHERE workspace_id = ANY(%s) AND state <> 'DELETED' AND event = ANY(%s)
"""


def heard(workspace_ids: Collection[int], kinds: Collection[str]) -> set[tuple[int, str]]:
    """Which of these events some endpoint of these workspaces wants to hear of: (workspace, event)."""
    with connection.cursor() as cursor:
        cursor.execute(_HEARD, [list(workspace_ids), list(kinds)])
        return {(workspace_id, event) for workspace_id, event in cursor.fetchall()}
