"""The address that hears of the account, its secret, and trying it out. Every change leaves an audit event."""

import base64
import secrets
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.core import sealing, webhook_urls
from apps.core.errors import InvalidRequest, PlanRequired
from apps.core.sentences import sentence
from apps.core.tenancy import TenantQuerySet
from apps.notifications import policies, selectors
from apps.notifications.models import AccountHook, Delivery
from apps.notifications.services import hook_out, outbox
from apps.notifications.services import replay as replaying

# For so long after a change the old secret signs as well.
OVERLAP = timedelta(hours=24)
TEST = "test"
_SECRET_BYTES = 32


@transaction.atomic
def set_hook(*, workspace_id: int, url: str, actor: User | None, ip: str | None = None) -> str:
    """Send account events to `url` from now on, what still waits included; "" for nowhere.

    The first address brings a secret, which exists in readable form nowhere else from here on; later ones keep it, and
    "" is returned. Raises InvalidRequest for an address that cannot be, PlanRequired where the plan has no such events.
    """
    workspace = _locked(workspace_id)
    url = url.strip()
    if url == workspace.notification_hook_url:
        return ""
    if url:
        _check_plan(workspace)
        webhook_urls.check(url, field="url")
    Workspace.objects.filter(pk=workspace_id).update(notification_hook_url=url)
    _redirect(workspace_id, url)
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="notification_hook.set" if url else "notification_hook.removed",
        target=webhook_urls.host_of(url or workspace.notification_hook_url),
        ip=ip,
    )
    if not url or AccountHook.objects.of(workspace_id).exists():
        return ""
    return _new_secret(AccountHook(workspace_id=workspace_id))


@transaction.atomic
def rotate_secret(*, workspace_id: int, actor: User | None, ip: str | None = None) -> str:
    """Sign with a new secret from now on, and for a day with the old one as well. Gives the new one, once.

    What waits, and what is sent again later, is signed by both. Raises InvalidRequest without an address.
    """
    workspace = _locked(workspace_id)
    _check_address(workspace)
    hook = AccountHook.objects.of(workspace_id).first() or AccountHook(workspace_id=workspace_id)
    secret = _new_secret(hook)
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="notification_hook.secret_rotated",
        target=webhook_urls.host_of(workspace.notification_hook_url),
        ip=ip,
    )
    return secret


@transaction.atomic
def send_test(*, workspace_id: int) -> None:
    """Send an event of the type "test", whatever the preferences say; one that still waits is given up for it.

    Raises InvalidRequest without an address, PlanRequired where the plan has no such events.
    """
    workspace = _locked(workspace_id)
    _check_address(workspace)
    _check_plan(workspace)
    _stop(_waiting(workspace_id).filter(kind=TEST))
    message = "This is a test. Nothing happened to the account."
    hook_out.add(workspace_id=workspace_id, type=TEST, message=message, detail={})


def replay(*, workspace_id: int, event_id: uuid.UUID) -> Delivery:
    """Send one of the workspace's events again. Raises NotFound, and PlanRequired as `send_test` does."""
    _check_plan(Workspace.objects.get(pk=workspace_id))
    return replaying.replay(workspace_id=workspace_id, event_id=event_id)


def _locked(workspace_id: int) -> Workspace:
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def _check_plan(workspace: Workspace) -> None:
    if not selectors.may_have_hook(workspace=workspace):
        raise PlanRequired(policies.NEEDS_DEVELOPER)


def _check_address(workspace: Workspace) -> None:
    if not workspace.notification_hook_url:
        raise InvalidRequest.field("url", sentence("Save an address first."))


def _new_secret(hook: AccountHook) -> str:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    if hook.secret:
        hook.previous_secret = hook.secret
        hook.previous_until = timezone.now() + OVERLAP
    hook.secret = sealing.seal(secret, bound_to=hook.sealed_to)
    hook.rotated_at = timezone.now()
    AccountHook.objects.bulk_create(
        [hook],
        update_conflicts=True,
        unique_fields=["workspace"],
        update_fields=["secret", "previous_secret", "previous_until", "rotated_at"],
    )
    # What is sent from now on, also again, must pass at a receiver that knows only the new one.
    Delivery.objects.of(hook.pk).filter(
        subject=selectors.hook_subject(workspace_id=hook.pk)
    ).update(secret=hook_out.sealed_secrets(hook), sealed_to=hook.sealed_to)
    return secret


def _redirect(workspace_id: int, url: str) -> None:
    waiting = _waiting(workspace_id)
    if url:
        lane = outbox.lane_of(workspace_id=workspace_id, endpoint=url)
        waiting.update(endpoint=url, lane=lane)
    else:
        _stop(waiting)


def _stop(rows: TenantQuerySet[Delivery]) -> None:
    rows.update(state=Delivery.State.STOPPED, next_attempt_at=None, ended_at=Now())


def _waiting(workspace_id: int) -> TenantQuerySet[Delivery]:
    rows: TenantQuerySet[Delivery] = Delivery.objects.of(workspace_id).filter(
        subject=selectors.hook_subject(workspace_id=workspace_id), state=Delivery.State.WAITING
    )
    return rows
