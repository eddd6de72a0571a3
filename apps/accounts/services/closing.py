"""Deleting a workspace: nothing goes on in it at once, it can be had back for a week, then it is emptied.

What books must keep stays for good: the ledger, payments, invoices, sums, the audit log and the bare rows of tasks.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Invitation, Membership, User, Workspace
from apps.accounts.services.auditing import audit
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

GRACE = timedelta(days=7)
CLOSED_NAME = "Deleted workspace"


@transaction.atomic
def close(
    *,
    workspace_id: int,
    name: str,
    actor: User,
    ip: str | None = None,
    grace: timedelta = GRACE,
) -> Workspace:
    """Refuse its keys within a second, start nothing new, and empty it after `grace`.

    `name` is what the person typed to show that they mean this one. Raises InvalidRequest for another. Safe to repeat:
    its end never moves away.
    """
    workspace = _locked(workspace_id)
    if name.strip() != workspace.name:
        raise InvalidRequest.field(
            "name", sentence("Type {name} to delete it.", name=workspace.name)
        )
    at = timezone.now() + grace
    if workspace.closes_at is None or at < workspace.closes_at:
        workspace.closes_at = at
        workspace.save(update_fields=["closes_at", "updated_at"])
        _note(workspace, actor, "workspace.closing", ip)
        transaction.on_commit(selectors.forget_believed_keys)
    return workspace


@transaction.atomic
def reopen(*, workspace_id: int, actor: User, ip: str | None = None) -> Workspace:
    """Take it back, keys and all. Raises InvalidRequest when the week is over. Safe to repeat."""
    workspace = _locked(workspace_id)
    if workspace.closes_at is not None and workspace.closes_at <= timezone.now():
        raise InvalidRequest(
            sentence("The seven days are over: this workspace cannot be had back.")
        )
    if workspace.closes_at is not None:
        workspace.closes_at = None
        workspace.save(update_fields=["closes_at", "updated_at"])
        _note(workspace, actor, "workspace.reopened", ip)
        transaction.on_commit(selectors.forget_believed_keys)
    return workspace


def due_ids() -> list[int]:
    """Workspaces whose week is over and that are not empty yet."""
    due = Workspace.objects.filter(closes_at__lte=timezone.now(), closed_at__isnull=True)
    return list(due.values_list("pk", flat=True))


@transaction.atomic
def finish(*, workspace_id: int) -> None:
    """The last step of emptying: nobody is in it any more, and its name and address are free. Safe to repeat."""
    workspace = _locked(workspace_id)
    if workspace.closes_at is None or workspace.closes_at > timezone.now():
        raise InvalidRequest("This workspace is not to be emptied.")
    now = timezone.now()
    ApiKey.objects.of(workspace_id).filter(revoked_at__isnull=True).update(revoked_at=now)
    open_ones = Invitation.objects.of(workspace_id).filter(accepted_at__isnull=True)
    open_ones.filter(revoked_at__isnull=True).update(revoked_at=now)
    Membership.objects.filter(workspace=workspace).delete()
    workspace.name, workspace.slug = CLOSED_NAME, f"deleted-{workspace.pk}"
    workspace.notification_hook_url = ""
    workspace.closed_at = workspace.closed_at or now
    workspace.save(
        update_fields=["name", "slug", "notification_hook_url", "closed_at", "updated_at"]
    )
    transaction.on_commit(selectors.forget_believed_keys)


def _locked(workspace_id: int) -> Workspace:
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def _note(workspace: Workspace, actor: User, action: str, ip: str | None) -> None:
    audit(workspace_id=workspace.pk, actor=actor, action=action, target=workspace.slug, ip=ip)
