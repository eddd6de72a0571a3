"""The account's money over the API: exact sums, the ledger page by page, usage by day, and what bad input gets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import ApiKey, Workspace
from apps.billing.services import movements
from apps.tasks.models import UsageDay
from apps.tasks.services import finish, operator
from tests.api.conftest import Caller, caller_of
from tests.factories import WorkspaceFactory, completed, owner_of, task

pytestmark = pytest.mark.django_db

TRANSACTIONS, USAGE, INFO = "/api/v1/account/transactions", "/api/v1/account/usage", "/account/info"
TODAY = datetime.now(UTC).date()


def used(workspace: Workspace, *, days_ago: int = 0, **values: Any) -> None:
    named = {"model": "flux", "task_type": "txt2img", "service_mode": "public"}
    UsageDay.objects.create(
        workspace=workspace, day=TODAY - timedelta(days=days_ago), **(named | values)
    )


def test_account_info_counts_refunds_and_expiry(api: Caller, workspace: Workspace):
    done = completed(workspace)
    operator.refund(task_id=done.id, actor=None, reason="Blurred.", points=4_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH w AS (UPDATE billing_wallet SET available = available - 1000000 WHERE workspace_id = %s"
            " RETURNING workspace_id, available, held) INSERT INTO billing_creditentry (workspace_id, kind, reference,"
            " available_delta, available_after, held_after) SELECT workspace_id, 'EXPIRY', 'expiry:1', -1000000,"
            " available, held FROM w",
            [workspace.pk],
        )

    data = api.get(INFO).json()["data"]

    assert data["credit_pack_info"] == {
        "available_credits": 629.58,  # 8,994,000 points
        "used_credits": 0.42,
        "total_credits": 700,
        "frozen_credits": 0,
        "expired_credits": 70,
        "inactive_credits": 0,
    }
    assert data["equivalent_in_usd"] == 0.8994


def test_transactions_tell_every_line_exactly(api: Caller, workspace: Workspace):
    done = completed(workspace)
    key = ApiKey.objects.of(workspace.pk).get(pk=done.api_key_id)

    data = api.get(TRANSACTIONS).json()["data"]

    assert [
        (one["kind"], one["points"], one["usd"], one["balance_points"]) for one in data["items"]
    ] == [
        ("capture", -10_000, "-0.001", 9_990_000),
        ("hold", 0, "0", 10_000_000),
        ("grant", 10_000_000, "1", 10_000_000),
    ]
    newest = data["items"][0]
    assert newest | {"id": 0, "created_at": ""} == {
        "id": 0,
        "created_at": "",
        "kind": "capture",
        "reference": f"task:{done.id}",
        "task_id": str(done.id),
        "api_key": key.masked,
        "points": -10_000,
        "usd": "-0.001",
        "available_change": 0,
        "held_change": -10_000,
        "debt_change": 0,
        "balance_points": 9_990_000,
        "available_points": 9_990_000,
        "held_points": 0,
        "note": "",
    }
    assert (data["next_cursor"], data["opening_points"], data["closing_points"]) == (
        None,
        0,
        9_990_000,
    )


def test_transactions_come_page_by_page(api: Caller, workspace: Workspace):
    completed(workspace)
    finish.cancel(task=task(workspace))

    seen, cursor = [], ""
    while cursor is not None:
        data = api.get(f"{TRANSACTIONS}?limit=2&cursor={cursor}").json()["data"]
        seen += [one["kind"] for one in data["items"]]
        cursor = data["next_cursor"]

    assert seen == ["release", "hold", "capture", "hold", "grant"]


def test_transactions_are_filtered_by_kind_task_and_time(api: Caller, workspace: Workspace):
    done = completed(workspace)
    now = int(datetime.now(UTC).timestamp())

    def kinds(query: str) -> list[str]:
        return [one["kind"] for one in api.get(f"{TRANSACTIONS}?{query}").json()["data"]["items"]]

    assert kinds("kind=grant") == ["grant"]
    assert kinds(f"task_id={done.id}") == ["capture", "hold"]
    assert kinds(f"from={now - 3600}") == ["capture", "hold", "grant"]
    assert kinds(f"to={now - 3600}") == []
    assert kinds(f"from={now + 3600}") == []


def test_operators_words_are_not_for_customers(api: Caller, workspace: Workspace):
    movements.adjust(
        workspace_id=workspace.pk,
        points=5,
        reference="adjustment:1",
        note="He called three times.",
        actor=owner_of(WorkspaceFactory.create()),
    )

    text = api.get(TRANSACTIONS).content.decode()

    assert "adjustment:1" in text
    assert "three times" not in text


def test_usage_is_told_by_day_model_and_key(api: Caller, workspace: Workspace):
    key = ApiKey.objects.of(workspace.pk).get()
    used(workspace, completed=2, charged_points=40_000, api_key=key, run_ms=1_500)
    used(workspace, days_ago=1, refunded_points=5_000)
    used(workspace, days_ago=40, completed=9, charged_points=9)
    nothing = {
        "completed": 0, "failed": 0, "cancelled": 0, "charged_points": 0, "refunded_points": 0,
    }  # fmt: skip
    spent = nothing | {
        "completed": 2, "charged_points": 40_000, "points": 40_000, "usd": "0.004", "run_seconds": "1.5",
    }  # fmt: skip
    given = nothing | {
        "refunded_points": 5_000, "points": -5_000, "usd": "-0.0005", "run_seconds": "0",
    }  # fmt: skip

    by_day = api.get(USAGE).json()["data"]
    by_key = api.get(f"{USAGE}?by=key").json()["data"]["items"]
    by_model = api.get(f"{USAGE}?by=model").json()["data"]["items"]

    yesterday = TODAY - timedelta(days=1)
    assert by_day["items"] == [
        {"day": yesterday.isoformat(), **given},
        {"day": TODAY.isoformat(), **spent},
    ]
    assert by_day["total"] == spent | {
        "refunded_points": 5_000, "points": 35_000, "usd": "0.0035",
    }  # fmt: skip
    assert by_key == [
        {"key_id": key.pk, "api_key": f"{key.name} ({key.masked})", **spent},
        {"key_id": None, "api_key": "", **given},
    ]
    assert [(one["model"], one["points"]) for one in by_model] == [("flux", 35_000)]


def test_usage_of_asked_days_includes_both_ends(api: Caller, workspace: Workspace):
    for days_ago in range(4):
        used(workspace, days_ago=days_ago, completed=1)
    first, last = TODAY - timedelta(days=2), TODAY - timedelta(days=1)

    data = api.get(f"{USAGE}?from={first}&to={last}").json()["data"]

    assert (data["from"], data["to"]) == (first.isoformat(), last.isoformat())
    assert [one["day"] for one in data["items"]] == [first.isoformat(), last.isoformat()]


def test_neighbours_money_does_not_show(workspace: Workspace):
    completed(workspace)
    used(workspace, completed=1, charged_points=77)
    stranger = caller_of(WorkspaceFactory.create())

    lines = stranger.get(TRANSACTIONS).json()["data"]["items"]
    usage = stranger.get(USAGE).json()["data"]

    assert [one["kind"] for one in lines] == ["grant"]
    assert (usage["items"], usage["total"]["points"]) == ([], 0)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{TRANSACTIONS}?limit=0", "limit"),
        (f"{TRANSACTIONS}?limit=101", "limit"),
        (f"{TRANSACTIONS}?limit=x", "limit"),
        (f"{TRANSACTIONS}?cursor=-1", "cursor"),
        (f"{TRANSACTIONS}?cursor={'9' * 19}", "cursor"),
        (f"{TRANSACTIONS}?kind=theft", "kind"),
        (f"{TRANSACTIONS}?task_id=1", "task_id"),
        (f"{TRANSACTIONS}?from=yesterday", "from"),
        (f"{TRANSACTIONS}?to=-5", "to"),
        (f"{USAGE}?by=member", "by"),
        (f"{USAGE}?from=0001-01-01", "from"),
        (f"{USAGE}?to=9999-12-31", "to"),
        (f"{USAGE}?from=x", "from"),
        (f"{USAGE}?from=2026-01-02&to=2026-01-01", "from"),
        (f"{USAGE}?from=2020-01-01&to=2026-01-01", "from"),
    ],
)
def test_bad_input_is_told_by_field(api: Caller, path: str, field: str):
    response = api.get(path)

    assert response.status_code == 400
    assert response.json()["error"]["detail"]["field"] == field


def test_extreme_times_are_no_fault(api: Caller):
    for query in ("from=0", "to=0", "from=99999999999", "to=99999999999", f"cursor={'9' * 18}"):
        assert api.get(f"{TRANSACTIONS}?{query}").status_code == 200
