import pytest

from apps.accounts.models import Workspace
from apps.billing import selectors
from apps.billing.services import credits
from tests.factories import WorkspaceFactory, identity

pytestmark = pytest.mark.django_db


def test_entries_of_a_cause_are_in_order_and_no_neighbours(workspace: Workspace):
    for one in (workspace, WorkspaceFactory.create()):
        credits.hold(identity=identity(one), points=30, reference="task:a")
        credits.capture(workspace_id=one.pk, reference="task:a", cost=20)

    entries = selectors.entries_of(workspace_id=workspace.pk, reference="task:a")

    assert [(e.workspace_id, e.kind, e.available_delta, e.held_delta) for e in entries] == [
        (workspace.pk, "HOLD", -30, 30),
        (workspace.pk, "CAPTURE", 10, -30),
    ]


def test_wallet_is_the_workspaces_own(workspace: Workspace):
    WorkspaceFactory.create(points=7)

    assert selectors.wallet(workspace_id=workspace.pk).available == 10_000_000
