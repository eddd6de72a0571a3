"""What deleting a workspace means beyond its members and keys: what must end first, and what goes after the week."""

import logging

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Workspace
from apps.accounts.services import closing
from apps.billing.models import AutoTopUp, Wallet
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services import movements
from apps.byoa.services import own
from apps.core.errors import DomainError
from apps.files.models import StoredFile
from apps.llm.models import Assistant, CallContent, Conversation
from apps.notifications.models import AccountHook, Delivery, Endpoint, Notice, ReplayRun
from apps.tasks.models import SavedView, Share, Task
from apps.tasks.models.tasks import FINAL

log = logging.getLogger(__name__)
_ROWS = 1000
# In an order in which nothing points at what is gone.
_FORGOTTEN = (
    CallContent, Conversation, Assistant, AccountHook, ReplayRun, Delivery, Endpoint, Notice, Share, SavedView,
)  # fmt: skip


def blockers(*, workspace: Workspace) -> list[tuple[str, str]]:
    """(what would go on costing money, the page that ends it); empty when it can be deleted."""
    found = []
    if subscription_of(workspace_id=workspace.pk) is not None:
        words = _("A subscription runs and would be charged again. End it, and wait for its end.")
        found.append((words, reverse("dashboard:billing_plans", args=[workspace.slug])))
    if AutoTopUp.objects.of(workspace.pk).filter(is_on=True).exists():
        words = _("Automatic top-ups are on and could charge the card. Switch them off.")
        found.append((words, reverse("dashboard:billing", args=[workspace.slug])))
    return found


def sweep() -> None:
    """Empty every workspace whose week is over. One that cannot be emptied now does not keep the others waiting."""
    for workspace_id in closing.due_ids():
        try:
            empty(workspace_id=workspace_id)
        except DomainError as error:
            log.warning(
                "workspace not emptied",
                extra={"workspace": workspace_id, "error": type(error).__name__},
            )


def empty(*, workspace_id: int) -> None:
    """Delete what nobody has to keep, take the credits that are left, and shut it for good. Safe to repeat."""
    workspace = Workspace.objects.get(pk=workspace_id)
    for account in own.mine(workspace_id=workspace_id):
        own.delete(workspace=workspace, actor=None, ip=None, account_id=account.pk)
    for rows in _FORGOTTEN:
        rows.objects.of(workspace_id).delete()
    # The sweep of files removes their bytes.
    files = StoredFile.objects.of(workspace_id).filter(deleted_at__isnull=True)
    files.filter(expires_at__gt=timezone.now()).update(expires_at=timezone.now())
    _forget_content(workspace_id)
    _take_credits(workspace_id)
    closing.finish(workspace_id=workspace_id)


def _forget_content(workspace_id: int) -> None:
    """What was asked for and what came out; that, when and what it cost stays."""
    tasks = Task.objects.of(workspace_id).filter(status__in=FINAL)
    told = tasks.exclude(Q(input={}) & Q(output__isnull=True) & Q(error_raw=""))
    while ids := list(told.values_list("pk", flat=True)[:_ROWS]):
        Task.objects.of(workspace_id).filter(pk__in=ids).update(input={}, output=None, error_raw="")


def _take_credits(workspace_id: int) -> None:
    """As the page said before: credits that are left are lost."""
    left = Wallet.objects.of(workspace_id).get().available
    if left > 0:
        movements.adjust(
            workspace_id=workspace_id,
            points=-left,
            reference=f"workspace-closed:{workspace_id}:{left}",
            note="Left in a workspace that its owner deleted",
            actor=None,
        )
