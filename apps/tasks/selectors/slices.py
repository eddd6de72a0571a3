"""What a workspace's tasks and calls came to in a span of time, from the slices: a page costs the same however many
there were. What ended in the last minute may be missing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, tzinfo
from operator import add
from typing import Any, Literal, NamedTuple, get_args

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Trunc

from apps.accounts.models import ApiKey, Membership, User
from apps.tasks.models import FAILURES, UsageSlice

Split = Literal["model", "key", "member", "pool", "error"]
SPLITS: tuple[Split, ...] = get_args(Split)
Step = Literal["hour", "day"]
# A model's name, the id of a key or a person (0 for none), a pool; empty of the split by error.
Subject = str | int
Bins = Counter[int]


@dataclass(frozen=True)
class Span:
    """From `start` up to, not including, `end`, in steps that begin in `zone`."""

    start: datetime
    end: datetime
    step: Step
    zone: tzinfo = UTC

    @property
    def is_of_days(self) -> bool:
        """Whether its steps are UTC days, whose sums are at hand."""
        return self.step == "day" and str(self.zone) == "UTC"


@dataclass(frozen=True)
class SliceFilter:
    """None and empty mean all; key and member 0 are what was done without one."""

    model: str = ""
    key: int | None = None
    member: int | None = None
    pool: str = ""

    @property
    def exact(self) -> dict[str, Any]:
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in found.items() if value not in (None, "")}


class Sums(NamedTuple):
    """Work that ended by how it did, what it cost, and what was given back of the cost of this or earlier work."""

    completed: int = 0
    cancelled: int = 0
    refused: int = 0
    timed_out: int = 0
    provider_failed: int = 0
    no_account: int = 0
    out_of_credits: int = 0
    our_fault: int = 0
    charged_points: int = 0
    refunded_points: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """A page adds thousands of them, hence a tuple."""
        return Sums._make(map(add, self, other))

    @property
    def failed(self) -> int:
        return sum(getattr(self, one.value) for one in FAILURES)

    @property
    def requests(self) -> int:
        return self.completed + self.cancelled + self.failed

    @property
    def judged(self) -> int:
        """What success is a share of: a cancelled task is neither."""
        return self.completed + self.failed

    @property
    def net_points(self) -> int:
        """Negative where more was refunded than charged."""
        return self.charged_points - self.refunded_points


_SUMS = Sums._fields


@dataclass(frozen=True)
class Cell:
    """What one subject's tasks or calls of a step came to."""

    starts_at: datetime
    subject: Subject
    is_call: bool
    sums: Sums


def cells(
    *, workspace_id: int, span: Span, split: Split, filter: SliceFilter | None = None
) -> list[Cell]:
    """All of a span, oldest first. What did not happen is left out."""
    subject = () if split == "error" else (split,)
    rows = _rows(workspace_id, span, filter or SliceFilter())
    found = (
        rows.annotate(step=Trunc("starts_at", span.step, tzinfo=span.zone))
        .values("step", "is_call", *subject)
        .annotate(**{f"sum_{name}": Sum(name) for name in _SUMS})
        .order_by("step", "is_call", *subject)
        .values_list("step", "is_call", *(f"sum_{name}" for name in _SUMS), *subject)
    )
    last = 2 + len(_SUMS)
    return [Cell(row[0], row[last] if subject else "", row[1], Sums(*row[2:last])) for row in found]


def _rows(workspace_id: int, span: Span, filter: SliceFilter) -> QuerySet[UsageSlice]:
    return UsageSlice.objects.of(workspace_id).filter(
        is_day=span.is_of_days, starts_at__gte=span.start, starts_at__lt=span.end, **filter.exact
    )


@dataclass(frozen=True)
class Times:
    """How long completed work took, from its creation to its end: counts by bin (`histogram`).

    `queue` is how long tasks waited for their start, `first` how long calls waited for the first token.
    """

    by_step: Mapping[datetime, Bins] = field(default_factory=dict)
    by_subject: Mapping[Subject, Bins] = field(default_factory=dict)
    queue: Bins = field(default_factory=Counter)
    first: Bins = field(default_factory=Counter)


_STEPS, _SUBJECTS, _QUEUE, _FIRST = range(4)


# Steps of the whole span, and subjects from `now` on: the part before is only there to be compared with.
_TIMES = """
SELECT GROUPING(step) AS kind, step, subject, bin, sum(n)::bigint
  FROM (SELECT date_trunc(%(step)s, starts_at, %(zone)s) AS step,
               CASE WHEN starts_at >= %(now)s THEN {subject} END AS subject, bin, n
          FROM tasks_usageslice, LATERAL unnest(total_bins, total_counts) AS bins (bin, n)
         WHERE workspace_id = %(workspace)s AND is_day = %(is_day)s AND starts_at >= %(start)s AND starts_at < %(end)s
           {filter}) AS counted
 GROUP BY GROUPING SETS ((step, bin), (subject, bin))
UNION ALL
SELECT kind, NULL, NULL, bin, sum(n)::bigint
  FROM tasks_usageslice, LATERAL (SELECT 2, * FROM unnest(queue_bins, queue_counts) UNION ALL
                                  SELECT 3, * FROM unnest(first_bins, first_counts)) AS bins (kind, bin, n)
 WHERE workspace_id = %(workspace)s AND is_day = %(is_day)s AND starts_at >= %(now)s AND starts_at < %(end)s {filter}
 GROUP BY kind, bin
"""
_TIMES_OF_CELLS = """
SELECT date_trunc(%(step)s, starts_at, %(zone)s) AS step, {subject} AS subject, bin, sum(n)::bigint
  FROM tasks_usageslice, LATERAL unnest(total_bins, total_counts) AS bins (bin, n)
 WHERE workspace_id = %(workspace)s AND is_day = %(is_day)s AND starts_at >= %(start)s AND starts_at < %(end)s {filter}
 GROUP BY 1, 2, 3
"""


def times(
    *,
    workspace_id: int,
    span: Span,
    split: Split,
    subjects_from: datetime,
    filter: SliceFilter | None = None,
) -> Times:
    """By step over all of a span, all else over its part from `subjects_from` on, in one statement."""
    by_step: defaultdict[datetime, Bins] = defaultdict(Counter)
    by_subject: defaultdict[Subject, Bins] = defaultdict(Counter)
    found = Times(by_step, by_subject)
    places: dict[int, Callable[[datetime, Subject], Bins]] = {
        _STEPS: lambda step, _: by_step[step],
        _SUBJECTS: lambda _, subject: by_subject[subject],
        _QUEUE: lambda *_: found.queue,
        _FIRST: lambda *_: found.first,
    }
    rows = _asked(_TIMES, workspace_id, span, split, filter, now=subjects_from)
    for kind, step, subject, number, count in rows:
        # A subject of the time before has no name here.
        if kind != _SUBJECTS or subject is not None:
            places[kind](step, subject)[number] = count
    return found


def times_of_cells(
    *, workspace_id: int, span: Span, split: Split, filter: SliceFilter | None = None
) -> dict[tuple[datetime, Subject], Bins]:
    """By step and subject together: for a table that is read by machines."""
    found: defaultdict[tuple[datetime, Subject], Bins] = defaultdict(Counter)
    for step, subject, number, count in _asked(_TIMES_OF_CELLS, workspace_id, span, split, filter):
        found[step, subject][number] = count
    return found


def _asked(
    statement: str,
    workspace_id: int,
    span: Span,
    split: Split,
    filter: SliceFilter | None,
    **more: object,
) -> Iterable[tuple[Any, ...]]:
    exact = (filter or SliceFilter()).exact
    parameters: dict[str, Any] = {
        "workspace": workspace_id,
        "is_day": span.is_of_days,
        "start": span.start,
        "end": span.end,
        "step": span.step,
        "zone": str(span.zone),
        **exact,
        **more,
    }
    conditions = "".join(f" AND {name} = %({name})s" for name in exact)
    subject = "''" if split == "error" else split
    with connection.cursor() as cursor:
        # The words are names of columns, from SliceFilter and SPLITS.
        cursor.execute(statement.format(subject=subject, filter=conditions), parameters)
        return list(cursor.fetchall())


def key_names(*, workspace_id: int, ids: Iterable[int]) -> dict[int, str]:
    """How the workspace's keys are called. Others are left out."""
    keys = ApiKey.objects.of(workspace_id).filter(pk__in=list(ids))
    return {key.pk: f"{key.name} ({key.masked})" for key in keys}


def member_names(*, workspace_id: int, ids: Iterable[int]) -> dict[int, str]:
    """How the workspace's people are called: its members, and who once made something in it. Others are left out."""
    wanted = [one for one in ids if one]
    if not wanted:
        return {}
    made = UsageSlice.objects.of(workspace_id).filter(is_day=True, member=OuterRef("pk"))
    members = Membership.objects.filter(workspace_id=workspace_id, user=OuterRef("pk"))
    people = User.objects.filter(pk__in=wanted).filter(Exists(members) | Exists(made))
    return dict(people.values_list("pk", "email"))
