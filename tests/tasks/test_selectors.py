from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.accounts.models import Workspace
from apps.tasks import selectors
from apps.tasks.models import Task, UsageBucket
from apps.tasks.selectors import DaySpend, Position, TaskFilter
from tests.factories import WorkspaceFactory, completed, task

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)


def bucket(workspace: Workspace, at: datetime, family: str, points: int) -> None:
    UsageBucket.objects.create(
        workspace=workspace, starts_at=at, family=family, completed=1, cost_points=points
    )


def test_spend_by_day_adds_the_quarter_hours_of_a_day_in_its_zone(workspace: Workspace):
    bucket(workspace, NOON, "a", 5)
    bucket(workspace, NOON + timedelta(minutes=15), "a", 7)
    bucket(workspace, NOON.replace(hour=23, minute=30), "b", 1)
    bucket(WorkspaceFactory.create(), NOON, "a", 1000)
    since = NOON - timedelta(days=1)

    utc = selectors.spend_by_day(workspace_id=workspace.pk, since=since)
    berlin = selectors.spend_by_day(
        workspace_id=workspace.pk, since=since, zone=ZoneInfo("Europe/Berlin")
    )

    today, tomorrow = date(2026, 1, 21), date(2026, 1, 22)
    assert utc == [DaySpend(today, "a", 12), DaySpend(today, "b", 1)]
    assert berlin == [DaySpend(today, "a", 12), DaySpend(tomorrow, "b", 1)]


def test_usage_is_half_open_and_shows_no_neighbour(workspace: Workspace):
    bucket(workspace, NOON, "a", 5)
    bucket(workspace, NOON + timedelta(hours=1), "a", 7)
    bucket(WorkspaceFactory.create(), NOON, "a", 1000)

    found, later = selectors.usage_since(
        workspace_id=workspace.pk,
        since=[NOON, NOON + timedelta(minutes=30)],
        until=NOON + timedelta(hours=1),
    )

    assert (found.completed, found.failed, found.cancelled, found.cost_points) == (1, 0, 0, 5)
    assert later.cost_points == 0


def test_pages_hold_every_task_once_even_when_many_were_made_at_the_same_time(
    workspace: Workspace,
):
    tasks = [task(workspace) for _ in range(7)]
    Task.objects.of(workspace.pk).update(created_at=NOON)
    task(WorkspaceFactory.create())
    seen, after = [], None

    for _ in range(10):
        page = selectors.newest_tasks(workspace_id=workspace.pk, limit=3, after=after)
        seen += [found.id for found in page.items]
        after = page.next
        if after is None:
            break

    assert seen == sorted((found.id for found in tasks), reverse=True)


def test_filters_narrow_the_list(workspace: Workspace):
    done, waiting = completed(workspace), task(workspace)
    Task.objects.of(workspace.pk).filter(id=done.id).update(created_at=NOON)

    def found(**wanted: object) -> list[Task]:
        page = selectors.newest_tasks(
            workspace_id=workspace.pk,
            limit=10,
            filter=TaskFilter(**wanted),  # type: ignore[arg-type]
        )
        return list(page.items)

    assert found(status="completed") == [done]
    assert found(status="pending") == [waiting]
    assert found(model="modelyard/illustration") == [waiting, done]
    assert found(model="kling") == []
    assert found(created_after=NOON, created_before=NOON + timedelta(seconds=1)) == [done]
    assert found(created_before=NOON) == []


def test_page_costs_one_query_however_long_the_list(
    workspace: Workspace, django_assert_num_queries
):
    for _ in range(3):
        task(workspace)

    with django_assert_num_queries(1):
        page = selectors.newest_tasks(workspace_id=workspace.pk, limit=2)

    assert page.next == Position(page.items[-1].created_at, page.items[-1].id)


def test_unfinished_counts_name_every_state_and_no_neighbour(workspace: Workspace):
    task(workspace)
    completed(workspace)
    task(WorkspaceFactory.create())

    counts = selectors.unfinished_counts(workspace_id=workspace.pk)

    assert counts == {"staged": 0, "pending": 1, "processing": 0}
