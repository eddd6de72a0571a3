"""Notices after they were written: read, collected into a mail, forgotten."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.notifications import selectors
from apps.notifications.events import EVENTS
from apps.notifications.models import Notice
from apps.notifications.services import mail

DAYS = 90
_BETWEEN_MAILS = timedelta(hours=1)

# In one order everywhere, so that no two members wait for each other.
_READ = """
WITH picked AS MATERIALIZED (
    SELECT id FROM notifications_notice
     WHERE workspace_id = %(workspace)s AND id <= %(upto)s AND is_shown AND NOT read_by @> ARRAY[%(user)s::bigint]
     ORDER BY id FOR UPDATE
)
UPDATE notifications_notice n SET read_by = array_append(n.read_by, %(user)s::bigint)
  FROM picked WHERE n.id = picked.id AND NOT n.read_by @> ARRAY[%(user)s::bigint]
"""


def mark_read(*, workspace_id: int, user_id: int, upto: int) -> int:
    """Nothing up to this notice is new to the member any more; says how many were. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"workspace": workspace_id, "user": user_id, "upto": upto})
        count: int = cursor.rowcount
    return count


def mail_collected() -> None:
    """Mail what is noisy, at most once an hour to each workspace. Safe to repeat and to run twice at once."""
    waiting = Notice.objects.across_workspaces().filter(mail_waits=True)
    for workspace_id in (
        waiting.order_by("workspace_id").values_list("workspace_id", flat=True).distinct()
    ):
        _mail_collected(workspace_id)


@transaction.atomic
def _mail_collected(workspace_id: int) -> None:
    # Whoever holds the lock may be writing this very mail; the next run comes in minutes.
    locked = Workspace.objects.select_for_update(no_key=True, skip_locked=True)
    workspace = locked.filter(pk=workspace_id).first()
    rows = Notice.objects.of(workspace_id)
    if workspace is None or rows.filter(mailed_at__gt=timezone.now() - _BETWEEN_MAILS).exists():
        return
    waiting = list(rows.filter(mail_waits=True).defer("read_by", "detail").order_by("id"))
    if not waiting:
        return
    mail.add(
        key=f"notices:{waiting[-1].pk}",
        to=selectors.told_people(workspace_id=workspace_id),
        template="account_event_digest",
        context={"workspace": workspace, "lines": _lines(waiting), "total": len(waiting)},
        workspace_id=workspace_id,
    )
    rows.filter(pk__in=[one.pk for one in waiting]).update(mail_waits=False, mailed_at=Now())


@dataclass
class _Line:
    """All of one type: how many, and what the newest says."""

    title: str
    message: str = ""
    url: str = ""
    count: int = 0


def _lines(notices: Iterable[Notice]) -> list[_Line]:
    lines: dict[str, _Line] = {}
    for one in notices:
        event = EVENTS.get(one.type)
        line = lines.setdefault(one.type, _Line(event.title if event else one.type))
        line.message, line.url = one.message, one.url
        line.count += 1
    return list(lines.values())


_FORGET = """
DELETE FROM notifications_notice WHERE id = ANY (ARRAY(
    SELECT id FROM notifications_notice
     WHERE created_at < statement_timestamp() - %s * interval '1 day'
     ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""


def forget() -> None:
    """Delete notices after 90 days; their keys may tell again from then on. Safe to repeat and to interrupt."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [DAYS])
        while cursor.rowcount:
            cursor.execute(_FORGET, [DAYS])
