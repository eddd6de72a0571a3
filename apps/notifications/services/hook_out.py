"""An account event on its way to the workspace's notification address."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core import sealing
from apps.notifications import selectors
from apps.notifications.models import AccountHook
from apps.notifications.services import outbox, signing

log = logging.getLogger(__name__)


def add(*, workspace_id: int, type: str, message: str, detail: Mapping[str, Any]) -> bool:
    """Have an event sent once the caller's transaction has committed. Says whether there is where to and it is paid."""
    workspace = Workspace.objects.get(pk=workspace_id)
    if not workspace.notification_hook_url or not selectors.may_have_hook(workspace=workspace):
        return False
    hook = AccountHook.objects.of(workspace_id).first()
    outbox.add(
        [
            outbox.Event(
                workspace_id=workspace_id,
                subject=selectors.hook_subject(workspace_id=workspace_id),
                kind=type,
                endpoint=workspace.notification_hook_url,
                body=body_of(type=type, message=message, detail=detail),
                secret=sealed_secrets(hook) if hook else "",
                sealed_to=hook.sealed_to if hook else "",
            )
        ]
    )
    return True


def body_of(*, type: str, message: str, detail: Mapping[str, Any]) -> str:
    """An account event on the wire, as the public contract has it."""
    now = int(timezone.now().timestamp())
    return json.dumps({"type": type, "time": now, "message": message, "detail": detail})


def sealed_secrets(hook: AccountHook) -> str:
    """The secret, with the one before it while both sign; sealed, as deliveries keep it."""
    if not hook.is_overlapping:
        return hook.secret
    try:
        both = [
            sealing.unseal(sealed, bound_to=hook.sealed_to)
            for sealed in (hook.secret, hook.previous_secret)
        ]
    except sealing.CannotOpen:
        # The attempt says so in the delivery log; here it would undo what the event tells of.
        log.warning("hook secret unreadable", extra={"workspace": hook.pk})
        return hook.secret
    return sealing.seal(signing.joined(*both), bound_to=hook.sealed_to)
