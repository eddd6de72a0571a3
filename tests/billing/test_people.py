"""Whom mails about money go to."""

import pytest

from apps.accounts.models import User
from apps.billing.models import BillingProfile
from apps.billing.selectors import recipients
from tests.factories import WorkspaceFactory, member, owner_of

pytestmark = pytest.mark.django_db


def test_recipients_are_owners_billing_members_and_the_profiles_address_each_once() -> None:
    workspace, neighbour = WorkspaceFactory.create(), WorkspaceFactory.create()
    payer, away = member(workspace, "billing"), member(workspace, "billing")
    for role in ("admin", "developer", "viewer"):
        member(workspace, role)
    User.objects.filter(pk=away.pk).update(is_active=False)
    owner = owner_of(workspace).email

    found = []
    for address in ("", "books@example.com", payer.email.upper()):
        BillingProfile.objects.across_workspaces().update_or_create(
            workspace=workspace, defaults={"email": address}
        )
        found.append(recipients(workspace_id=workspace.pk))

    assert found == [
        [owner, payer.email],
        [owner, payer.email, "books@example.com"],
        [owner, payer.email],
    ]
    assert recipients(workspace_id=neighbour.pk) == [owner_of(neighbour).email]
