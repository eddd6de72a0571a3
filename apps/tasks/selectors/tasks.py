"""Reading tasks. A workspace comes first everywhere; another workspace's task does not exist for the caller."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import TruncDate

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.tasks.models import (
    UNFINISHED,
    Attempt,
    IdempotencyRecord,
    Status,
    Task,
    TaskEvent,
    UsageBucket,
)


def task(*, workspace_id: int, task_id: uuid.UUID) -> Task:
    """The workspace's task. Raises NotFound."""
    try:
        return Task.objects.of(workspace_id).get(id=task_id)
    except Task.DoesNotExist:
        raise NotFound(sentence("There is no task {id}.", id=task_id)) from None


def tasks_by_ids(*, workspace_id: int, task_ids: Sequence[uuid.UUID]) -> list[Task]:
    """Those of the tasks that are the workspace's, in the order of the ids, each once."""
    found = Task.objects.of(workspace_id).in_bulk(list(task_ids))
    return [found[task_id] for task_id in dict.fromkeys(task_ids) if task_id in found]


def known_by_id(*, family: str, task_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Task]:
    """Tasks of a family, of whatever workspaces: for an API in which knowing the id is the permission to read."""
    rows = Task.objects.across_workspaces().filter(family=family)
    return rows.in_bulk(list(task_ids))


@dataclass(frozen=True)
class TaskState:
    """A task and the number of its newest event, read in one statement."""

    task: Task
    event_id: int


def states(*, task_ids: Sequence[uuid.UUID]) -> list[TaskState]:
    """The tasks as they are now, of whatever workspaces: for who watches tasks for callers let in one by one."""
    newest = TaskEvent.objects.filter(task=OuterRef("pk")).order_by("-id").values("id")[:1]
    rows = Task.objects.across_workspaces().filter(id__in=task_ids).annotate(event=Subquery(newest))
    return [TaskState(row, row.event or 0) for row in rows]


def name_of(*, task_id: uuid.UUID) -> tuple[str, str]:
    """(model, task_type) of any workspace's task, for workers."""
    row = Task.objects.across_workspaces().values_list("model", "task_type").get(id=task_id)
    return (row[0], row[1])


@dataclass(frozen=True)
class TaskFilter:
    """What a list shows; empty means all. Times: `created_after` inclusive, `created_before` exclusive."""

    status: str = ""
    model: str = ""
    client_reference: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class Position:
    """Where a page ends: the creation time and id of its last task."""

    created_at: datetime
    task_id: uuid.UUID


@dataclass(frozen=True)
class Page:
    """Tasks, newest first, and where the next page starts (None at the end)."""

    items: Sequence[Task]
    next: Position | None


def newest_tasks(
    *,
    workspace_id: int,
    limit: int,
    filter: TaskFilter | None = None,
    after: Position | None = None,
) -> Page:
    """A page of the workspace's tasks. One indexed query, however many tasks there are."""
    rows = Task.objects.of(workspace_id).filter(_matching(filter or TaskFilter()))
    if after is not None:
        rows = rows.filter(
            Q(created_at__lt=after.created_at)
            | Q(created_at=after.created_at, id__lt=after.task_id),
            created_at__lte=after.created_at,
        )
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    items = found[:limit]
    more = len(found) > limit
    return Page(items, Position(items[-1].created_at, items[-1].id) if more else None)


# A task that was tried again on the same account has more attempts there than one.
_TRIES = 3


def tasks_of_account(*, workspace_id: int, account_id: int, limit: int) -> list[Task]:
    """The workspace's newest tasks that were tried on the account: what runs there first, then by when it ended."""
    tried = Attempt.objects.filter(account_id=account_id, task__workspace_id=workspace_id)
    ids = tried.order_by("-ended_at", "-id").values_list("task_id", flat=True)[: _TRIES * limit]
    return tasks_by_ids(workspace_id=workspace_id, task_ids=list(dict.fromkeys(ids))[:limit])


# Pages by number get slower the further they go; beyond this many tasks a list is narrowed by time.
MOST_NUMBERED = 10_000


@dataclass(frozen=True)
class NumberedPage:
    """Tasks, newest first, and how many there are in all, which is not counted beyond `MOST_NUMBERED`."""

    items: Sequence[Task]
    total: int


def numbered_page(
    *,
    workspace_id: int,
    page: int,
    size: int,
    families: frozenset[str] | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> NumberedPage:
    """A page (the first is 1) of the workspace's tasks of these families; None is all. Times as in `TaskFilter`."""
    wanted = TaskFilter(created_after=created_after, created_before=created_before)
    rows = Task.objects.of(workspace_id).filter(_matching(wanted))
    if families is not None:
        rows = rows.filter(family__in=families)
    rows = rows.order_by("-created_at", "-id")
    start = (page - 1) * size
    return NumberedPage(list(rows[start : start + size]), rows[:MOST_NUMBERED].count())


def _matching(wanted: TaskFilter) -> Q:
    condition = Q()
    if wanted.status:
        condition &= Q(status=wanted.status)
    if wanted.model:
        condition &= Q(model=wanted.model)
    if wanted.client_reference:
        condition &= Q(client_reference=wanted.client_reference)
    if wanted.created_after is not None:
        condition &= Q(created_at__gte=wanted.created_after)
    if wanted.created_before is not None:
        condition &= Q(created_at__lt=wanted.created_before)
    return condition


def follow_ups_of(*, workspace_id: int, task_id: uuid.UUID, limit: int) -> list[Task]:
    """What continues the task, oldest first."""
    found = Task.objects.of(workspace_id).filter(parent=task_id).order_by("created_at", "id")
    return list(found[:limit])


def idempotency_record(*, workspace_id: int, key: str) -> IdempotencyRecord | None:
    """The record of a key, however old, with its task."""
    return IdempotencyRecord.objects.of(workspace_id).filter(key=key).select_related("task").first()


@dataclass(frozen=True)
class Usage:
    """Finished work of a span: counts and what it cost."""

    completed: int
    failed: int
    cancelled: int
    cost_points: int


_TOTALS = ("completed", "failed", "cancelled", "cost_points")


def usage_since(
    *, workspace_id: int, since: Sequence[datetime], until: datetime
) -> tuple[Usage, ...]:
    """Finished work from each of these moments on up to `until`, to the quarter of an hour, in one look."""
    sums = {
        f"{name}_{n}": Sum(name, filter=Q(starts_at__gte=start), default=0)
        for n, start in enumerate(since)
        for name in _TOTALS
    }
    rows = UsageBucket.objects.of(workspace_id)
    found = rows.filter(starts_at__gte=min(since), starts_at__lt=until).aggregate(**sums)
    return tuple(
        Usage(**{name: found[f"{name}_{n}"] for name in _TOTALS}) for n in range(len(since))
    )


@dataclass(frozen=True)
class DaySpend:
    """What finished work of a family cost on a day."""

    day: date
    family: str
    cost_points: int


def spend_by_day(*, workspace_id: int, since: datetime, zone: tzinfo = UTC) -> list[DaySpend]:
    """Spend per day of a time zone and family since then, oldest first; days without work are left out.

    Summed by the database, so that a page costs the same however much work there was.
    """
    rows = (
        UsageBucket.objects.of(workspace_id)
        .filter(starts_at__gte=since)
        .values(day=TruncDate("starts_at", tzinfo=zone), name=F("family"))
        .annotate(points=Sum("cost_points"))
        .order_by("day", "name")
    )
    return [DaySpend(row["day"], row["name"], row["points"]) for row in rows]


@dataclass(frozen=True)
class Unfinished:
    """A task that has not ended, without the rest of it."""

    task_id: uuid.UUID
    family: str
    status: str


def unfinished(
    *,
    workspace_id: int,
    families: frozenset[str] | None = None,
    created_before: datetime | None = None,
) -> list[Unfinished]:
    """The workspace's tasks that have not ended, oldest first; of these families, created before then."""
    condition = Q(status__in=UNFINISHED)
    if families is not None:
        condition &= Q(family__in=families)
    if created_before is not None:
        condition &= Q(created_at__lt=created_before)
    rows = Task.objects.of(workspace_id).filter(condition).order_by("created_at", "id")
    return [Unfinished(*row) for row in rows.values_list("id", "family", "status")]


def unfinished_counts(*, workspace_id: int) -> dict[str, int]:
    """How many tasks wait and run, by status; statuses without tasks are 0."""
    # Each by its own way through the index: one count of all three reads the rows themselves.
    first, *rest = (
        Task.objects.of(workspace_id)
        .filter(status=status)
        .order_by()
        .values("status")
        .annotate(count=Count("*"))
        for status in UNFINISHED
    )
    found = first.union(*rest, all=True)
    counts = {Status(status).value: 0 for status in UNFINISHED}
    return counts | {row["status"]: row["count"] for row in found}
