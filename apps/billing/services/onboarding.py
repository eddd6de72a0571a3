"""A new workspace with its wallet and welcome points."""

from django.conf import settings
from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing.models import Wallet
from apps.billing.services import movements


@transaction.atomic
def open_workspace(
    *, owner: User, name: str, slug: str | None = None, grant_points: int | None = None
) -> Workspace:
    """A workspace that can spend: owner, wallet and the sign-up grant, all or nothing.

    `grant_points` replaces the setting's amount (0 gives none).
    """
    workspace = accounts.create_workspace(owner=owner, name=name, slug=slug)
    Wallet.objects.create(workspace=workspace)
    points = settings.SIGNUP_GRANT_POINTS if grant_points is None else grant_points
    if points:
        movements.grant(
            workspace_id=workspace.pk, points=points, reference="signup", note="Welcome credits"
        )
    return workspace
