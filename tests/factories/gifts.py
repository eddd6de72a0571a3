"""Codes, referrals and operators for tests, through the services."""

from datetime import UTC, datetime
from typing import Any

from allauth.account.models import EmailAddress

from apps.accounts.models import User, Workspace
from apps.billing.models import CodeBatch, CreditEntry, Referral
from apps.billing.services.codes import batches
from apps.billing.services.onboarding import open_workspace
from apps.billing.services.referrals import attribution
from apps.billing.services.referrals.touches import Touch
from tests.factories.accounts import UserFactory, owner_of


def operator() -> User:
    """A staff person."""
    return UserFactory.create(is_staff=True)


def batch(**terms: Any) -> tuple[CodeBatch, list[str]]:
    """A batch with its plain codes: one code of a dollar, unless `terms` say otherwise."""
    given = {"name": "Launch", "prefix": "LAUNCH", "points": 10_000_000, "count": 1} | terms
    made = batches.create(terms=batches.BatchTerms(**given), actor=operator())
    return made, batches.export(batch_id=made.pk)


def invited(
    by: Workspace, *, email: str, ip: str = "", device: str | None = None, confirmed: bool = True
) -> Referral:
    """A person who signed up through the link of the workspace's owner."""
    code = attribution.code_of(user=owner_of(by))
    user = UserFactory.create(email=email)
    home = open_workspace(owner=user, name="Invitee", grant_points=0)
    touch = Touch(code.code, datetime.now(UTC))
    referral = attribution.attribute(
        invitee=user, workspace=home, touches=[touch], ip=ip, device=device
    )
    assert referral is not None
    if confirmed:
        confirm(user)
    return referral


def confirm(user: User) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def lines(workspace_id: int, prefix: str) -> list[tuple[str, int, int]]:
    """Kind and both movements of the ledger lines whose reference starts so, in order."""
    found = CreditEntry.objects.of(workspace_id).filter(reference__startswith=f"{prefix}:")
    return list(found.order_by("id").values_list("kind", "available_delta", "debt_delta"))
