"""The operator's numbers: whose they are, and that they add up."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.ops import pool_report, state_metrics
from apps.ops.pool_report import Money
from apps.tasks.models import Attempt, Task
from tests.byoa.test_slots import lease
from tests.factories import WorkspaceFactory, completed, picture, task
from tests.factories.byoa import CREDENTIAL, account

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    state_metrics.STATE.forget()


def write(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def ended(made: Task, where: Account | None, state: str, *, minutes: int, **money: int) -> Attempt:
    """An attempt that took three seconds and ended so long ago."""
    number = Attempt.objects.filter(task=made).count() + 1
    attempt = Attempt.objects.create(
        task=made,
        number=number,
        provider=where.provider if where else "local",
        job="",
        account=where,
        state=state,
        **money,
    )
    write(
        "UPDATE tasks_attempt SET ended_at = now() - %s * interval '1 minute',"
        " started_at = now() - %s * interval '1 minute' - interval '3 seconds' WHERE id = %s",
        minutes,
        minutes,
        attempt.pk,
    )
    return attempt


@pytest.mark.parametrize(
    ("cost", "revenue", "margin", "percent"),
    [
        (0, 0, 0, None),
        (50, 0, -50, None),
        (0, 50, 50, Decimal("100.0")),
        (5_000, 20_000, 15_000, Decimal("75.0")),
        (3, 2, -1, Decimal("-50.0")),
        (2, 3, 1, Decimal("33.3")),
        (1_001, 2_000, 999, Decimal("50.0")),  # 49.95 rounds up
    ],
)
def test_margin_is_of_the_revenue(cost: int, revenue: int, margin: int, percent: Decimal | None):
    money = Money(cost, revenue)

    assert (money.margin_points, money.margin_percent) == (margin, percent)


def test_each_account_has_its_own_numbers(workspace: Workspace):
    mine, neighbour = account(label="Mine", slots=3), account(label="Neighbour")
    made = picture(workspace)
    ended(made, mine, "SUCCEEDED", minutes=1, cost_points=5_000, price_points=20_000)
    ended(made, mine, "FAILED", minutes=2, cost_points=1_000)
    ended(made, mine, "LATE", minutes=23 * 60, cost_points=400)
    ended(made, mine, "SUCCEEDED", minutes=25 * 60, cost_points=7, price_points=7)
    ended(made, neighbour, "SUCCEEDED", minutes=1, cost_points=1, price_points=2)
    ended(made, None, "SUCCEEDED", minutes=1, price_points=100)
    lease(mine.pk)
    lease(mine.pk, seconds=-1)

    report = pool_report.report()

    first, second = report.accounts
    assert (first.account, first.in_use, first.ended, first.succeeded) == (mine, 1, 3, 1)
    assert first.money == Money(6_400, 20_000)
    assert (first.success_percent, round(first.mean_seconds or 0, 3)) == (Decimal("33.3"), 3)
    assert (second.account, second.in_use, second.money) == (neighbour, 0, Money(1, 2))
    assert report.money == Money(6_401, 20_102)
    assert report.last_hour == [
        ("federation", "FAILED", 1),
        ("federation", "SUCCEEDED", 2),
        ("local", "SUCCEEDED", 1),
    ]
    assert report.expired_leases == 1


def test_account_without_work_has_no_rates():
    account()

    [line] = pool_report.report().accounts

    assert (line.success_percent, line.mean_seconds, line.money) == (None, None, Money())


def test_customers_own_accounts_are_not_the_pools(workspace: Workspace):
    theirs = account()
    Account.objects.across_workspaces().filter(pk=theirs.pk).update(
        workspace=workspace, families=["flux"]
    )
    made = task(workspace)
    ended(made, theirs, "SUCCEEDED", minutes=1, cost_points=5, price_points=5)

    report = pool_report.report()

    assert (report.accounts, report.money, report.last_hour) == ([], Money(), [])


def test_money_of_a_removed_account_still_counts(workspace: Workspace):
    gone = account()
    made = picture(workspace)
    ended(made, gone, "SUCCEEDED", minutes=1, cost_points=5_000, price_points=20_000)
    Account.objects.across_workspaces().filter(pk=gone.pk).delete()

    assert pool_report.report().money == Money(5_000, 20_000)


def test_queues_count_by_family_and_status(workspace: Workspace):
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=2)
    account()
    made = [task(workspace) for _ in range(3)]
    drawn = picture(WorkspaceFactory.create())
    completed(WorkspaceFactory.create())
    write("UPDATE tasks_task SET status = 'processing' WHERE id = %s", made[0].id)
    write(
        "UPDATE tasks_task SET created_at = now() - interval '90 seconds' WHERE id = %s", made[1].id
    )
    write("UPDATE tasks_task SET created_at = now() - interval '1 hour' WHERE id = %s", made[2].id)

    found = {one.family: one for one in pool_report.queues()}

    assert set(found) == {made[0].family, drawn.family}
    mine = found[made[0].family]
    # The oldest of the three is staged: its own workspace keeps it waiting, not we.
    assert (mine.staged, mine.pending, mine.processing) == (1, 1, 1)
    assert 90 <= mine.oldest_seconds < 100


def test_deliveries_that_wait_and_that_failed(workspace: Workspace):
    task(workspace, webhook_endpoint="https://customer.example.com/hook")
    task(workspace, webhook_endpoint="https://customer.example.com/hook")
    assert (pool_report.deliveries().waiting, pool_report.deliveries().failed) == (2, 0)
    write(
        "UPDATE notifications_delivery SET created_at = now() - interval '1 hour',"
        " next_attempt_at = now() - interval '1 minute'"
    )
    write(
        "UPDATE notifications_delivery SET state = 'FAILED', next_attempt_at = NULL, ended_at = now()"
        " WHERE id = (SELECT min(id) FROM notifications_delivery)"
    )

    found = pool_report.deliveries()

    assert (found.waiting, found.due, found.failed) == (1, 1, 1)
    assert 3_600 <= found.oldest_seconds < 3_610
    assert 60 <= found.overdue_seconds < 70


# --------------------------------------------------------------------------------- at /metrics
def scraped(client: Client) -> dict[str, float]:
    """Our state's samples by name and labels."""
    lines = client.get("/metrics").content.decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    prefixes = ("queue", "deliveries_", "account", "attempt", "slot", "state")
    ours = tuple(f"modelyard_{prefix}" for prefix in prefixes)
    return {name: float(value) for name, value in pairs if name.startswith(ours)}


def _with_outcome(labels: str, outcome: str) -> str:
    """Labels come in the order of the alphabet."""
    account_label, provider = labels.split(",")
    return f'{account_label},outcome="{outcome}",{provider}'


def test_metrics_tell_the_state_of_the_pool(client: Client, workspace: Workspace):
    mine = account(slots=4, status="cooling")
    lease(mine.pk)
    made = task(workspace)
    ended(made, mine, "SUCCEEDED", minutes=0, cost_points=5_000, price_points=20_000)
    ended(made, mine, "FAILED", minutes=0, cost_points=1_000)
    ended(made, None, "SUCCEEDED", minutes=0, price_points=10)

    found = scraped(client)

    which = f'account="{mine.pk}",provider="federation"'
    expected = {
        f'modelyard_queue_tasks{{family="{made.family}",status="pending"}}': 1,
        f'modelyard_queue_tasks{{family="{made.family}",status="staged"}}': 0,
        f"modelyard_account_slots{{{which}}}": 4,
        f"modelyard_account_slots_in_use{{{which}}}": 1,
        f"modelyard_account_cooling{{{which}}}": 1,
        f"modelyard_account_paused{{{which}}}": 0,
        f"modelyard_account_taken_today{{{which}}}": 0,
        f'modelyard_account_status{{{which},status="cooling"}}': 1,
        f"modelyard_attempts_total{{{_with_outcome(which, 'succeeded')}}}": 1,
        f"modelyard_attempts_total{{{_with_outcome(which, 'failed')}}}": 1,
        'modelyard_attempts_total{account="",outcome="succeeded",provider="local"}': 1,
        f"modelyard_attempt_cost_points_total{{{which}}}": 6_000,
        f"modelyard_attempt_revenue_points_total{{{which}}}": 20_000,
        'modelyard_attempt_revenue_points_total{account="",provider="local"}': 10,
        "modelyard_deliveries_waiting": 0,
        "modelyard_slot_leases_expired": 0,
        'modelyard_state_readable{part="attempts"}': 1,
        'modelyard_state_readable{part="payment_events"}': 1,
        'modelyard_state_readable{part="chains"}': 1,
        'modelyard_state_readable{part="blocks"}': 1,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_metrics_tell_nothing_of_customers_and_no_secret(client: Client, workspace: Workspace):
    Workspace.objects.filter(pk=workspace.pk).update(slug="canary-slug", name="Canary name")
    made = task(
        workspace,
        input={"prompt": "canary prompt", "seed": 1},
        client_reference="canary-reference",
        webhook_endpoint="https://canary.example.com/hook",
        webhook_secret="canary-secret",
    )
    where = account(label="Canary label")
    ended(made, where, "FAILED", minutes=0)
    Attempt.objects.update(error="canary words", reference="canary-name")

    text = client.get("/metrics").content.decode()

    hidden = ["canary", "Canary", str(made.id), CREDENTIAL]
    assert [word for word in hidden if word in text] == []


def test_metrics_ask_the_database_once_in_five_seconds(
    client: Client, workspace: Workspace, django_assert_num_queries: Any
):
    before = scraped(client)
    task(workspace)

    with django_assert_num_queries(0):
        assert scraped(client) == before


def test_part_that_cannot_be_read_is_left_out(client: Client):
    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "notifications_delivery" in sql:
            return execute("SELECT * FROM a_table_that_is_not_there", None, many, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        found = scraped(client)

    assert "modelyard_deliveries_waiting" not in found
    assert {name: value for name, value in found.items() if "readable" in name} == {
        'modelyard_state_readable{part="queues"}': 1,
        'modelyard_state_readable{part="deliveries"}': 0,
        'modelyard_state_readable{part="accounts"}': 1,
        'modelyard_state_readable{part="attempts"}': 1,
        'modelyard_state_readable{part="payment_events"}': 1,
        'modelyard_state_readable{part="chains"}': 1,
        'modelyard_state_readable{part="blocks"}': 1,
    }
