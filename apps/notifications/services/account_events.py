"""Telling a workspace of its account: in the bell, by mail and by webhook, once per cause."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.notifications import selectors
from apps.notifications.events import EVENTS, Channel
from apps.notifications.services import endpoint_out, hook_out, mail

_LONGEST_MESSAGE = 500


@transaction.atomic(savepoint=False)
def tell(
    *,
    workspace_id: int,
    type: str,
    message: str,
    detail: Mapping[str, Any],
    key: str,
    url: str = "",
) -> bool:
    """Tell of an event in the caller's transaction, and say whether it was told: a repeated `key` tells nothing.

    `type` and the keys of `detail` are those of `events`; keys that are missing get their values there. `message` is a
    sentence for people that holds without the detail; `key` (at most 150 characters) names the cause within the
    workspace; `url` is a page of this site. What goes by webhook, mail and bell is the workspace's choice; each of its
    endpoints has its own.
    Call it late: until the transaction ends, whoever tells the same waits. Raises KeyError for an unknown type.
    """
    event = EVENTS[type]
    channels = selectors.channels_of(workspace_id=workspace_id, event=event)
    mails = Channel.EMAIL in channels and not event.mails_itself
    words = _storable(message)[:_LONGEST_MESSAGE]
    facts = _facts({**event.detail, **detail})
    notice_id = _first(
        {
            "workspace": workspace_id,
            "key": key,
            "type": type,
            "message": words,
            "detail": json.dumps(facts),
            "url": url,
            "is_shown": Channel.BELL in channels,
            "mail_waits": mails and event.is_noisy,
        }
    )
    if notice_id is None:
        return False
    if Channel.WEBHOOK in channels:
        hook_out.add(workspace_id=workspace_id, type=type, message=words, detail=facts)
    endpoint_out.add_account_event(
        workspace_id=workspace_id, type=type, message=words, detail=facts
    )
    if mails and not event.is_noisy:
        _mail(workspace_id, notice_id, event.title, words, url)
    return True


def wants(*, workspace_id: int, type: str, channel: Channel) -> bool:
    """Whether the workspace wants to be told of this event in this way."""
    return channel in selectors.channels_of(workspace_id=workspace_id, event=EVENTS[type])


_ADD = """
INSERT INTO notifications_notice (workspace_id, key, type, message, detail, url, is_shown, mail_waits)
VALUES (%(workspace)s, %(key)s, %(type)s, %(message)s, %(detail)s::jsonb, %(url)s, %(is_shown)s, %(mail_waits)s)
ON CONFLICT (workspace_id, key) DO NOTHING RETURNING id
"""


def _first(row: dict[str, Any]) -> int | None:
    """The notice's id when its key was not there; somebody else who tells the same at this moment wins or waits."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD, row)
        found = cursor.fetchone()
    return found[0] if found else None


def _mail(workspace_id: int, notice_id: int, title: str, message: str, url: str) -> None:
    mail.add(
        key=f"notice:{notice_id}",
        to=selectors.told_people(workspace_id=workspace_id),
        template="account_event",
        context={
            "workspace": Workspace.objects.get(pk=workspace_id),
            "title": title,
            "message": message,
            "url": url,
        },
        workspace_id=workspace_id,
    )


def _facts(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The detail as plain JSON; names and reasons in it may come from elsewhere."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(detail), default=str))
    return {
        name: _storable(value) if isinstance(value, str) else value for name, value in plain.items()
    }


def _storable(text: str) -> str:
    """Without what PostgreSQL keeps in no text: an odd letter in a provider's words must not undo what is told."""
    return text.replace("\0", "").encode(errors="replace").decode()
