"""Where the money goes: sums, splits, comparison, export, and nothing of a neighbour's."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import ApiKey, Workspace
from apps.accounts.services import KeyTerms, create_key
from apps.tasks.models import UsageDay
from tests.factories import WorkspaceFactory, owner_of

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()


def used(workspace: Workspace, *, days_ago: int = 0, model: str = "flux", **values: Any) -> None:
    UsageDay.objects.create(
        workspace=workspace,
        day=TODAY - timedelta(days=days_ago),
        model=model,
        task_type="txt2img",
        service_mode="public",
        **values,
    )


def rows_of(response: Any) -> list[tuple[str, int, str, str]]:
    return [
        (row.name, row.ended.net_points, row.share, row.change) for row in response.context["rows"]
    ]


def table(response: Any) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_models_are_compared_with_the_days_before(workspace: Workspace, owner: Client) -> None:
    used(workspace, completed=3, charged_points=300)
    used(workspace, days_ago=6, completed=1, charged_points=100)
    used(workspace, days_ago=7, completed=1, charged_points=200)
    used(workspace, model="kling", charged_points=600, refunded_points=500)
    used(workspace, model="luma", days_ago=9, charged_points=50)
    used(workspace, model="old", days_ago=14, charged_points=9_999)

    response = owner.get(f"/w/{workspace.slug}/billing/usage?days=7")

    assert rows_of(response) == [
        ("flux", 400, "80.0 %", "+100 %"),
        ("kling", 100, "20.0 %", "new"),
        ("luma", 0, "0.0 %", "−100 %"),
    ]
    total = response.context["total"]
    assert (total.ended.net_points, total.before.net_points, total.change) == (500, 250, "+100 %")


def test_keys_and_people_are_named(workspace: Workspace, owner: Client) -> None:
    key, _ = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="ci"), actor=None)
    person = owner_of(workspace)
    used(workspace, api_key=key, member=person, completed=1, charged_points=10)
    used(workspace, completed=1, charged_points=5)
    used(workspace, days_ago=1, member_id=999_999, charged_points=1)
    path = f"/w/{workspace.slug}/billing/usage"

    by_key, by_person = owner.get(f"{path}?by=key"), owner.get(f"{path}?by=member")

    assert [row[:2] for row in rows_of(by_key)] == [(f"ci ({key.masked})", 10), ("without one", 6)]
    assert [row[:2] for row in rows_of(by_person)] == [
        (person.email, 10),
        ("without one", 5),
        ("#999999", 1),
    ]


def test_chart_and_table_by_day_agree(workspace: Workspace, owner: Client) -> None:
    used(workspace, charged_points=10_000_000)
    used(workspace, days_ago=2, refunded_points=10_000)

    response = owner.get(f"/w/{workspace.slug}/billing/usage?days=7")

    spend = response.context["spend"]
    assert [total for _, _, total in spend.rows] == [0, 0, 0, 0, -10_000, 0, 10_000_000]
    assert spend.total == response.context["total"].ended.net_points


def test_export_has_exact_decimals_and_no_formulas(workspace: Workspace, owner: Client) -> None:
    used(workspace, model="=cmd()", completed=1, charged_points=1, run_ms=2_500)

    response = owner.get(f"/w/{workspace.slug}/billing/usage.csv?days=7")

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert table(response) == [
        ["day", "model", "completed", "failed", "cancelled", "charged_usd", "refunded_usd", "net_usd", "run_seconds"],
        [TODAY.isoformat(), "'=cmd()", "1", "0", "0", "0.0000001", "0", "0.0000001", "2.5"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query", ["days=8", "days=x&by=y", "days=", "by=api_key_id", "days=9999999"]
)
def test_unknown_query_is_the_default(workspace: Workspace, owner: Client, query: str) -> None:
    response = owner.get(f"/w/{workspace.slug}/billing/usage?{query}")

    assert (response.context["asked"].days, response.context["asked"].split) == (30, "model")


def test_neighbours_usage_does_not_show(workspace: Workspace, owner: Client) -> None:
    neighbour = WorkspaceFactory.create()
    key, _ = create_key(workspace_id=neighbour.pk, terms=KeyTerms(name="theirs"), actor=None)
    used(neighbour, model="secret-model", api_key=key, member=owner_of(neighbour), charged_points=7)
    base = f"/w/{workspace.slug}/billing/usage"

    pages = [owner.get(f"{base}?by={by}") for by in ("model", "key", "member")]

    assert [rows_of(page) for page in pages] == [[], [], []]
    assert len(table(owner.get(f"{base}.csv"))) == 1
    assert ApiKey.objects.of(workspace.pk).count() == 0
