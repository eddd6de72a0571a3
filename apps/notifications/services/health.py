"""How endpoints do, from how their deliveries went. Replays and tests say nothing of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.core.queue import send
from apps.notifications import policies
from apps.notifications.models import Delivery
from apps.notifications.services.attempt import Landed


@dataclass
class _Lately:
    """What came back from one endpoint: whether anything was acknowledged, and the failures after the last of that."""

    succeeded: bool = False
    failures: int = 0
    status: int | None = None
    error: str = ""


# Nothing is written for an endpoint that does well and goes on doing so. In one order everywhere, so that no two
# processes wait for each other.
_NOTE = """
WITH lately AS (
    SELECT * FROM unnest(%s::uuid[], %s::boolean[], %s::int[], %s::int[], %s::text[])
           AS l (id, succeeded, failures, status, error)
), locked AS MATERIALIZED (
    SELECT e.id FROM notifications_endpoint e JOIN lately l ON l.id = e.id
     WHERE e.failures > 0 OR l.failures > 0
     ORDER BY e.id FOR NO KEY UPDATE OF e
)
UPDATE notifications_endpoint e
   SET failures = CASE WHEN l.succeeded THEN l.failures ELSE e.failures + l.failures END,
       failing_since = CASE WHEN l.succeeded AND l.failures = 0 THEN NULL
                            WHEN l.succeeded OR e.failing_since IS NULL THEN statement_timestamp()
                            ELSE e.failing_since END,
       failing_status = l.status, failing_error = l.error
  FROM lately l, locked
 WHERE e.id = l.id AND locked.id = e.id
RETURNING e.told_for IS NULL AND e.failures >= %s AND e.failures - l.failures < %s
          OR e.told_for IS NOT NULL AND e.failures = 0
"""


def note(landed: Sequence[Landed]) -> None:
    """Count these attempts, in the order they came back; whoever looks at endpoints is called if there is news.

    It comes after the deliveries were written and by itself: what is lost with a process costs an alert some time.
    """
    lately = _lately(landed)
    if not lately:
        return
    rows = [
        (hook, one.succeeded, one.failures, one.status, one.error) for hook, one in lately.items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [*columns, *[policies.TOLD_AFTER_FAILURES] * 2])
        is_news = any(news for (news,) in cursor.fetchall())
    if is_news:
        send("notifications.endpoints", queue="deliver")


def _lately(landed: Sequence[Landed]) -> dict[UUID, _Lately]:
    found: dict[UUID, _Lately] = {}
    for one in landed:
        hook = one.row.hook_id
        if hook is None or one.row.is_replay or one.says_nothing:
            continue
        lately = found.setdefault(hook, _Lately())
        if one.outcome.state == Delivery.State.DELIVERED:
            found[hook] = _Lately(succeeded=True)
        else:
            lately.failures += 1
            lately.status, lately.error = one.outcome.status, one.outcome.error
    return found
