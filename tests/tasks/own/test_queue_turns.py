"""More queues than one round looks at: each workspace gets its turn, also behind one that nobody serves."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from apps.tasks.services import own_queue
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, private
from tests.tasks.own.helpers import midjourney

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenants(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """Five workspaces of two queues each, of which a round looks at three."""
    monkeypatch.setattr(own_queue, "_MOST_QUEUES", 3)
    monkeypatch.setattr(own_queue, "_after", 0)
    found = [private(WorkspaceFactory.create(plan="premium")) for _ in range(5)]
    for tenant in found:
        bridge_account(tenant)
        for mode in ("fast", "relax"):
            midjourney(tenant, process_mode=mode)
    return found


def seen(rounds: int) -> set[int]:
    """The workspaces whose tasks that many rounds find."""
    found: set[int] = set()
    for _ in range(rounds):
        with transaction.atomic():
            found |= {head.workspace_id for queue in own_queue.queues() for head in queue}
    return found


def test_every_workspace_gets_its_turn(tenants):
    assert seen(1) < {tenant.id for tenant in tenants}
    assert seen(5) == {tenant.id for tenant in tenants}


def test_the_last_is_found_behind_queues_in_which_nobody_is_due(tenants):
    tomorrow = timezone.now() + timedelta(days=1)
    Task.objects.across_workspaces().exclude(workspace=tenants[-1]).update(wake_at=tomorrow)

    assert seen(1) == set()
    assert seen(5) == {tenants[-1].id}
