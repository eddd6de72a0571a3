"""Ten thousand tasks of several workspaces: whose accounts they run on, and in which shares."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.byoa.models import Account, SlotLease
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.models import Attempt, Task
from apps.tasks.services import finish
from apps.tasks.services.dispatch import dispatch
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, change, operators, private, set_account
from tests.tasks.own.helpers import ended, midjourney, varied
from tests.tasks.rows import copies, plan

pytestmark = pytest.mark.django_db
EACH = 2_500
WEIGHTS = {"low": 1, "mid": 2, "high": 4}


def on_strangers_accounts() -> int:
    """Attempts on an account that is not the task's workspace's, or not the operator's."""
    tasks = Task.objects.across_workspaces().values_list("id", "workspace_id", "service_mode")
    allowed = {task_id: owner if mode == "private" else None for task_id, owner, mode in tasks}
    owners = dict(Account.objects.across_workspaces().values_list("id", "workspace_id"))
    ran = Attempt.objects.values_list("task_id", "account_id")
    return sum(owners[account_id or 0] != allowed[task_id] for task_id, account_id in ran)


def shares(workspace: Workspace) -> Counter[str]:
    """How many of the workspace's tasks each account took."""
    rows = Attempt.objects.filter(task__workspace=workspace).values_list(
        "account__weight", flat=True
    )
    return Counter(rows)


def test_ten_thousand_tasks_run_on_nobody_elses_account_and_share_by_weight():
    tenants = [private(WorkspaceFactory.create(plan="premium")) for _ in range(3)]
    public = WorkspaceFactory.create(plan="premium")
    for tenant in tenants:
        for weight in WEIGHTS:
            bridge_account(tenant, weight, weight=weight, slots=EACH)
    for weight in WEIGHTS:
        operators(weight, weight=weight, slots=EACH)
    for n, tenant in enumerate([*tenants, public]):
        copies(midjourney(tenant, process_mode=("fast", "relax")[n % 2]), count=EACH - 1)

    assert dispatch() == 4 * EACH
    # Elsewhere autovacuum has told the planner of as many rows by now; here nothing is committed.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tasks_task, tasks_attempt")

    assert on_strangers_accounts() == 0
    for tenant in [*tenants, public]:
        taken = shares(tenant)
        assert taken.total() == EACH
        for weight, share in WEIGHTS.items():
            assert abs(taken[weight] / EACH - share / 7) < 0.02 * share / 7
    assert SlotLease.objects.count() == 4 * EACH


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_to_accounts_no_task_leaves_its_workspace(seed: int):
    """Accounts are paused, spent, capped, parked and healed at random while tasks of every kind come and go."""
    chance = random.Random(seed)
    tenants = [
        private(plan(WorkspaceFactory.create(plan="premium"), concurrency_override=1000))
        for _ in range(3)
    ]
    pools = {one.pk: [_account(one, chance, n) for n in range(3)] for one in tenants}
    operators("First", slots=20)
    operators("Second", slots=20, has_relax=False)
    now = datetime.now(UTC)
    became: list[dict[str, Any]] = [
        {"is_paused": True},
        {"is_paused": False},
        {"status": "banned"},
        {"status": "active", "is_paused": False},
        {"mode": "relax", "is_out_of_fast": True},
        {"mode": "fast", "is_out_of_fast": False},
        {"daily_cap": 3, "day": now.date(), "day_count": 3},
        {"daily_cap": None},
        {
            "active_from": (now + timedelta(hours=2)).time(),
            "active_to": (now + timedelta(hours=3)).time(),
        },
        {"active_from": None, "active_to": None},
        {"slots": 1},
        {"slots": 5},
    ]
    parents: list[Task] = []

    for _ in range(40):
        tenant = chance.choice(tenants)
        set_account(chance.choice(pools[tenant.pk]), **chance.choice(became))
        change(tenant, failover_families=["midjourney"] * chance.randrange(2))
        _ask(chance, tenant, pools[tenant.pk], parents)
        dispatch()
        assert on_strangers_accounts() == 0
        _finish_some(chance, parents)

    for account in Account.objects.across_workspaces():
        assert account.leases.count() <= 20
    assert audit.differences() == []


def _account(tenant: Workspace, chance: random.Random, n: int) -> Account:
    weight = chance.choice(list(WEIGHTS))
    return bridge_account(tenant, f"{n}", weight=weight, slots=5, is_backup=n == 2)


def _ask(
    chance: random.Random, tenant: Workspace, accounts: list[Account], parents: list[Task]
) -> None:
    """Some new tasks; what the rules refuse is not there."""
    mine = [one for one in parents if one.workspace_id == tenant.pk]
    for _ in range(chance.randrange(6)):
        bot = chance.choice(accounts).pk if chance.random() < 0.3 else 0
        mode = chance.choice(["", "relax", "fast", "turbo"])
        pool = chance.choice(["", "private", "public"])
        try:
            if mine and chance.random() < 0.5:
                varied(chance.choice(mine))
            else:
                midjourney(tenant, process_mode=mode, bot_id=bot, service_mode=pool)
        except DomainError:
            continue


def _finish_some(chance: random.Random, parents: list[Task]) -> None:
    running = list(Task.objects.across_workspaces().filter(status="processing"))
    for task in chance.sample(running, k=len(running) // 2):
        if chance.random() < 0.8:
            parents.append(ended(task))
        else:
            finish.fail(task_id=task.id, failure=finish.Failure(11000, "No."))
