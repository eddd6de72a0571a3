"""Plans the operator gives without a subscription."""

from django.db import transaction

from apps.accounts import plans
from apps.accounts import services as accounts
from apps.accounts.models import Plan, User, Workspace
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services.subscriptions.sync import set_plan
from apps.core.errors import InvalidRequest


@transaction.atomic
def give_plan(*, workspace_id: int, plan: str, reason: str, actor: User | None) -> Workspace:
    """Put a workspace on the newest terms of a plan, for free and until somebody changes it.

    Raises InvalidRequest without a reason, and while a subscription pays for a plan: it would come back with its next
    renewal.
    """
    if plan not in Plan.values:
        raise InvalidRequest.field("plan", "There is no such plan.")
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why.")
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    row = subscription_of(workspace_id=workspace_id)
    if row is not None and (row.plan_version_id or row.next_version_id):
        raise InvalidRequest("A subscription pays for this workspace's plan. Cancel that first.")
    if set_plan(workspace, version=None, plan=plan):
        accounts.audit(
            workspace_id=workspace_id,
            actor=actor,
            action="plan.given",
            target=plan,
            detail={"reason": reason.strip()[:200]},
        )
    return workspace


def is_by_hand(*, workspace: Workspace) -> bool:
    """Whether the plan is worth money and no subscription pays for it."""
    if plans.terms_of_workspace(workspace).price_points == 0:
        return False
    row = subscription_of(workspace_id=workspace.pk)
    return row is None or row.plan_version_id is None
