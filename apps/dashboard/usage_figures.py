"""The numbers of the usage page: read once, then summed as cards, charts and tables need them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, reduce

from apps.dashboard.usage_query import Asked, called
from apps.tasks.models import FAILURES, Outcome
from apps.tasks.selectors import slices
from apps.tasks.selectors.histogram import percentile
from apps.tasks.selectors.slices import Bins, Cell, Span, Subject, Sums, Times

MEDIAN, SLOW = 50, 95


@dataclass(frozen=True)
class Figures:
    """Everything that ended in the time that was asked for and in the one before, as the page splits it."""

    asked: Asked
    cells: Sequence[Cell]
    times: Times
    keys: Mapping[int, str]
    members: Mapping[int, str]

    @cached_property
    def steps(self) -> list[datetime]:
        return steps(self.asked.span)

    @cached_property
    def steps_before(self) -> list[datetime]:
        """As many as there are steps, the last of the time before last."""
        return steps(self.asked.before)[-len(self.steps) :]

    @cached_property
    def now(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.starts_at >= self.asked.span.start]

    @cached_property
    def past(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.starts_at < self.asked.span.start]

    @cached_property
    def total(self) -> Sums:
        return _sum(self.now)

    @cached_property
    def total_before(self) -> Sums:
        return _sum(self.past)

    @cached_property
    def by_step(self) -> dict[datetime, Sums]:
        """Of both times; steps without work are left out."""
        found: dict[datetime, Sums] = {}
        for cell in self.cells:
            found[cell.starts_at] = found.get(cell.starts_at, Sums()).plus(cell.sums)
        return found

    @cached_property
    def by_subject(self) -> dict[Subject, Sums]:
        """Whoever spent most comes first, then who did most."""
        found = _by_subject(self.now)
        return dict(
            sorted(
                found.items(), key=lambda one: (-one[1].net_points, -one[1].requests, str(one[0]))
            )
        )

    @cached_property
    def by_subject_before(self) -> dict[Subject, Sums]:
        return _by_subject(self.past)

    def is_call_sums(self, subject: Subject, *, is_call: bool) -> Sums:
        """A subject's calls only, or its tasks only."""
        return self._by_kind.get((subject, is_call), Sums())

    @cached_property
    def _by_kind(self) -> dict[tuple[Subject, bool], Sums]:
        found: dict[tuple[Subject, bool], Sums] = {}
        for cell in self.now:
            place = (cell.subject, cell.is_call)
            found[place] = found.get(place, Sums()).plus(cell.sums)
        return found

    def percentile(self, share: int) -> int | None:
        """Milliseconds, of all that completed."""
        return percentile(self._bins(self.steps), share)

    def percentile_before(self, share: int) -> int | None:
        return percentile(self._bins(self.steps_before), share)

    def _bins(self, of: Iterable[datetime]) -> Bins:
        found: Bins = Counter()
        for step in of:
            found.update(self.times.by_step.get(step, {}))
        return found

    def called(self, subject: Subject) -> str:
        return called(self.asked.split, subject, keys=self.keys, members=self.members)


def figures(workspace_id: int, asked: Asked) -> Figures:
    """Two statements on the slices, and at most two for names."""
    scope = {"workspace_id": workspace_id, "split": asked.split, "filter": asked.filter}
    found = slices.cells(span=asked.both, **scope)  # type: ignore[arg-type]
    subjects = {cell.subject for cell in found if isinstance(cell.subject, int)}
    return Figures(
        asked=asked,
        cells=found,
        times=slices.times(span=asked.both, subjects_from=asked.span.start, **scope),  # type: ignore[arg-type]
        keys=_names("key", workspace_id, asked, subjects),
        members=_names("member", workspace_id, asked, subjects),
    )


def _names(kind: str, workspace_id: int, asked: Asked, subjects: set[int]) -> dict[int, str]:
    chosen = getattr(asked.filter, kind)
    ids = (subjects if asked.split == kind else set()) | ({chosen} if chosen else set())
    if not ids:
        return {}
    find = slices.key_names if kind == "key" else slices.member_names
    return find(workspace_id=workspace_id, ids=ids)


def steps(span: Span) -> list[datetime]:
    """When each begins. Hours are counted by the clock that never jumps, days by the calendar."""
    if span.step == "hour":
        count = round((span.end - span.start) / timedelta(hours=1))
        return [span.start + timedelta(hours=number) for number in range(count)]
    days = (span.end.date() - span.start.date()).days
    return [span.start + timedelta(days=number) for number in range(days)]


def by_outcome(sums: Sums) -> dict[Outcome, int]:
    """How many ended each way, without those that did not happen."""
    counts = {one: getattr(sums, one.value) for one in Outcome}
    return {one: count for one, count in counts.items() if count}


def failures(sums: Sums) -> dict[Outcome, int]:
    found = by_outcome(sums)
    return {one: found[one] for one in FAILURES if one in found}


def _sum(cells: Iterable[Cell]) -> Sums:
    return reduce(Sums.plus, (cell.sums for cell in cells), Sums())


def _by_subject(cells: Iterable[Cell]) -> dict[Subject, Sums]:
    found: dict[Subject, Sums] = {}
    for cell in cells:
        found[cell.subject] = found.get(cell.subject, Sums()).plus(cell.sums)
    return found
