"""Showing a result to people without an account, and ending that."""

import secrets
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.accounts.models import AuditEvent
from apps.accounts.selectors import Identity
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence
from apps.files import selectors as files
from apps.tasks import selectors
from apps.tasks.models import Status, Task
from apps.tasks.models.shares import Share
from apps.tasks.selectors.shares import digest, open_shares

# How long a link may live, in hours.
LIVES = {
    1: gettext_noop("1 hour"),
    24: gettext_noop("1 day"),
    7 * 24: gettext_noop("7 days"),
    30 * 24: gettext_noop("30 days"),
}
MOST_OPEN = 10
_TOKEN_BYTES = 24


def create_share(
    *, identity: Identity, task_id: uuid.UUID, hours: int, shows_input: bool
) -> tuple[Share, str]:
    """A link to a completed task, and its token, which nobody can be told again.

    Raises NotFound for another workspace's task, InvalidRequest for one that has not completed or whose files are gone,
    a life that is not in `LIVES`, or when `MOST_OPEN` links of the task work already.
    """
    task = selectors.task(workspace_id=identity.workspace_id, task_id=task_id)
    _check_has_something(task)
    if hours not in LIVES:
        raise InvalidRequest.field("hours", sentence("Choose how long the link works."))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction.atomic():
        _check_has_room(task)
        share = Share.objects.create(
            workspace_id=task.workspace_id,
            task=task,
            digest=digest(token),
            shows_input=shows_input,
            created_by_id=identity.user_id,
            expires_at=timezone.now() + timedelta(hours=hours),
        )
        _record(share, identity, "task.shared")
    return share, token


def _check_has_something(task: Task) -> None:
    if task.status != Status.COMPLETED:
        raise InvalidRequest(sentence("Only a completed task has something to share."))
    file = files.first_to_go(workspace_id=task.workspace_id, task_id=task.id)
    if file is not None and file.deleted_at is not None:
        raise InvalidRequest(
            sentence("The files of this task are gone: there is nothing left to share.")
        )


def _check_has_room(task: Task) -> None:
    # Locked: of two at once, the second counts what the first has made.
    Task.objects.of(task.workspace_id).select_for_update(no_key=True).get(pk=task.pk)
    if len(open_shares(workspace_id=task.workspace_id, task_id=task.id)) >= MOST_OPEN:
        raise InvalidRequest(
            sentence("{most} links to this task work already. Revoke one first.", most=MOST_OPEN)
        )


def revoke_share(*, identity: Identity, share_id: int) -> Share:
    """End a link at once. Safe to repeat. Raises NotFound for another workspace's."""
    with transaction.atomic():
        rows = Share.objects.of(identity.workspace_id).select_for_update()
        share = rows.filter(pk=share_id).first()
        if share is None:
            raise NotFound(sentence("There is no such link."))
        if share.revoked_at is None:
            share.revoked_at = timezone.now()
            share.save(update_fields=["revoked_at"])
            _record(share, identity, "task.share_revoked")
    return share


def address(token: str) -> str:
    """Where a link leads."""
    return f"{settings.BASE_URL}/s/{token}"


def _record(share: Share, identity: Identity, action: str) -> None:
    AuditEvent.objects.create(
        workspace_id=share.workspace_id,
        actor_id=identity.user_id,
        action=action,
        target=f"task:{share.task_id}",
        detail={
            "share": share.pk,
            "shows_input": share.shows_input,
            "expires_at": share.expires_at.isoformat(),
        },
    )
