"""Reading slices: in any time zone, by any split, filtered, in a statement or two, and only the workspace's own."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Workspace
from apps.tasks.selectors import slices
from apps.tasks.selectors.slices import SliceFilter, Span
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.usage import slice_of, took
from tests.llm.rows import key_of

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)
DAYS = Span(MIDNIGHT - timedelta(days=6), MIDNIGHT + timedelta(days=1), "day")


def found(workspace: Workspace, span: Span, split: Any, **filter: Any) -> list[tuple[Any, ...]]:
    cells = slices.cells(
        workspace_id=workspace.pk, span=span, split=split, filter=SliceFilter(**filter)
    )
    return [(cell.starts_at, cell.subject, cell.sums.completed) for cell in cells]


def test_quarters_are_put_into_days_of_any_zone(workspace: Workspace) -> None:
    """23:15 in UTC is the next day in Kolkata, which is half an hour off."""
    for moment in (MIDNIGHT - timedelta(minutes=45), MIDNIGHT):
        slice_of(workspace, starts_at=moment, is_day=False, completed=1)
    slice_of(workspace, starts_at=MIDNIGHT, completed=99)
    zone = ZoneInfo("Asia/Kolkata")
    days = Span(datetime(2026, 3, 9, tzinfo=zone), datetime(2026, 3, 11, tzinfo=zone), "day", zone)

    assert found(workspace, days, "error") == [(datetime(2026, 3, 10, tzinfo=zone), "", 2)]
    assert found(workspace, DAYS, "error") == [(MIDNIGHT, "", 99)]


def test_filters_and_splits(workspace: Workspace) -> None:
    slice_of(workspace, starts_at=MIDNIGHT, completed=1, key=1, member=2)
    slice_of(workspace, starts_at=MIDNIGHT, completed=2, model="kling", pool="private", key=1)
    slice_of(workspace, starts_at=MIDNIGHT, completed=4, model="kling", is_call=True)

    by = {split: [row[1:] for row in found(workspace, DAYS, split)] for split in slices.SPLITS}

    assert by["model"] == [("flux", 1), ("kling", 2), ("kling", 4)]
    assert by["key"] == [(1, 3), (0, 4)]
    assert by["member"] == [(0, 2), (2, 1), (0, 4)]
    assert by["pool"] == [("private", 2), ("public", 1), ("public", 4)]
    assert by["error"] == [("", 3), ("", 4)]
    assert [row[1:] for row in found(workspace, DAYS, "model", key=1, pool="private")] == [
        ("kling", 2)
    ]
    assert found(workspace, DAYS, "model", member=9) == []


def test_times_by_step_and_subject_and_what_was_waited(workspace: Workspace) -> None:
    slice_of(
        workspace, starts_at=MIDNIGHT, **took(1_000, 3), queue_bins=[2, 5], queue_counts=[1, 2]
    )
    slice_of(
        workspace, starts_at=MIDNIGHT, model="b", **took(1_000), first_bins=[7], first_counts=[1]
    )
    past: dict[str, Any] = {"model": "old", "queue_bins": [9], "queue_counts": [9], **took(9_000)}
    slice_of(workspace, starts_at=MIDNIGHT - timedelta(days=5), **past)
    (number,) = took(1_000)["total_bins"]
    (slow,) = took(9_000)["total_bins"]

    times = slices.times(
        workspace_id=workspace.pk, span=DAYS, split="model", subjects_from=MIDNIGHT
    )

    assert times.by_step == {
        MIDNIGHT: Counter({number: 4}), MIDNIGHT - timedelta(days=5): Counter({slow: 1}),
    }  # fmt: skip
    assert times.by_subject == {"flux": Counter({number: 3}), "b": Counter({number: 1})}
    assert (times.queue, times.first) == (Counter({2: 1, 5: 2}), Counter({7: 1}))


def test_neighbours_do_not_show_and_are_not_named(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    key, person = key_of(neighbour), owner_of(neighbour)
    slice_of(neighbour, starts_at=MIDNIGHT, completed=1, key=key.pk, member=person.pk, **took(9))
    scope: dict[str, Any] = {"workspace_id": workspace.pk, "span": DAYS, "split": "key"}

    assert slices.cells(**scope) == []
    assert slices.times(**scope, subjects_from=MIDNIGHT) == slices.Times()
    assert slices.times_of_cells(**scope) == {}
    assert slices.key_names(workspace_id=workspace.pk, ids=[key.pk]) == {}
    assert slices.member_names(workspace_id=workspace.pk, ids=[person.pk]) == {}


def test_who_left_is_still_named_where_they_made_something(workspace: Workspace) -> None:
    gone = owner_of(WorkspaceFactory.create())
    slice_of(workspace, starts_at=MIDNIGHT, member=gone.pk, completed=1)

    assert slices.member_names(workspace_id=workspace.pk, ids=[gone.pk, 0]) == {gone.pk: gone.email}


@pytest.mark.parametrize("split", slices.SPLITS)
def test_a_statement_each_and_never_the_tasks(workspace: Workspace, split: Any) -> None:
    scope: dict[str, Any] = {"workspace_id": workspace.pk, "span": DAYS, "split": split}
    with CaptureQueriesContext(connection) as asked:
        slices.cells(**scope)
        slices.times(**scope, subjects_from=MIDNIGHT)

    assert len(asked) == 2
    assert not any("tasks_task" in one["sql"] for one in asked.captured_queries)
