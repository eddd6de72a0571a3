"""What tests of private and moved tasks ask of the books."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry
from apps.tasks.models import FamilyLoad, Task
from apps.tasks.services.dispatch import dispatch
from tests.factories.own import bridge_account, change, operators, set_account
from tests.tasks.own.helpers import midjourney, place

FAST, RELAX = 700_000, 300_000
DOLLAR = 10_000_000
OUTSIDE = {
    "active_from": (datetime.now(UTC) + timedelta(hours=3)).time(),
    "active_to": (datetime.now(UTC) + timedelta(hours=6)).time(),
}


def lines(made: Task) -> list[tuple[str, int, int]]:
    """Kind and both movements of the task's ledger lines, in order."""
    rows = CreditEntry.objects.of(made.workspace_id).filter(reference=made.reference)
    return list(rows.order_by("id").values_list("kind", "available_delta", "held_delta"))


def counted(workspace: Workspace) -> dict[str, int]:
    """How many tasks are under way in each pool, as counted."""
    return dict(FamilyLoad.objects.of(workspace.pk).values_list("pool", "active"))


def waiting(workspace: Workspace, **given: Any) -> Task:
    """A private task that found its account outside its period, of a workspace that wants fail-over since."""
    account = bridge_account(workspace, "A", **OUTSIDE)
    operators()
    made = midjourney(workspace, **{"process_mode": "fast", **given})
    dispatch()
    assert place(made) == "pending"
    change(workspace, failover_families=["midjourney"])
    set_account(account, is_paused=True)
    return made
