"""The ledger of a workspace as people read it: newest first, page by page, a hold folded into what became of it.

A task's hold and its settlement are two lines that belong together. Folded, a settled hold is left out and its
settlement stands for both. What a line does to the balance is counted with what is held (`available` + `held`), so
that each line's balance is the one before it plus its amount, folded or not.

A span of time is a piece of the ledger without gaps: it starts with the first line written at or after a moment, and
ends before the first one written at or after another. So the opening balance plus the amounts is the closing one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet, Sum

from apps.billing.models import CreditEntry
from apps.billing.models.credits import NOT_OF_WORK

Kind = CreditEntry.Kind

_SETTLED = (Kind.CAPTURE, Kind.RELEASE)
# Lines wait for their wallet after their time is set, so times follow numbers only about; never by this much.
_SLACK = timedelta(minutes=10)
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True)
class LineFilter:
    """Which lines; empty means all. `is_folded` leaves out holds that were settled."""

    kind: str = ""
    key_id: int | None = None
    reference: str = ""
    is_folded: bool = True


@dataclass(frozen=True)
class Line:
    """A ledger line, and for a settlement the hold that it ends."""

    entry: CreditEntry
    hold: CreditEntry | None = None

    @property
    def amount(self) -> int:
        """What it did to available and held together: 0 for a hold and a release."""
        return self.entry.available_delta + self.entry.held_delta

    @property
    def balance(self) -> int:
        """Available and held together, after it."""
        return self.entry.available_after + self.entry.held_after

    @property
    def repaid(self) -> int:
        """What of an income paid a debt, and so is not in the balance."""
        return max(0, -self.entry.debt_delta)

    @property
    def note(self) -> str:
        """What the platform says of it. The words of a person who moved points by hand are not for customers."""
        return "" if self.entry.actor_id is not None else self.entry.note


@dataclass(frozen=True)
class Page:
    """Lines, newest first, and after which line the next page starts (None at the end)."""

    lines: Sequence[Line]
    next: int | None


@dataclass(frozen=True)
class Span:
    """A piece of the ledger: its balances (available and held), and the numbers of its lines, `end` excluded."""

    opening: int
    closing: int
    first: int
    end: int | None


def span(*, workspace_id: int, since: datetime | None, until: datetime | None) -> Span:
    """The piece of the ledger of a time: `since` inclusive, `until` exclusive, None for its ends."""
    first = 0
    if since is not None:
        found = _first_line(workspace_id, since)
        first = _after_newest(workspace_id) if found is None else found
    end = _first_line(workspace_id, until) if until is not None else None
    return Span(
        opening=_balance_before(workspace_id, first) if first else 0,
        closing=_balance_before(workspace_id, end),
        first=first,
        end=end,
    )


def page(
    *,
    workspace_id: int,
    filter: LineFilter,
    limit: int,
    span: Span | None = None,
    after: int | None = None,
) -> Page:
    """Lines of the span older than `after`, newest first. Bounded by indexes, however long the ledger is."""
    rows = _matching(workspace_id, filter)
    if span is not None:
        rows = rows.filter(id__gte=span.first)
    ends = [end for end in (after, span.end if span else None) if end is not None]
    if ends:
        rows = rows.filter(id__lt=min(ends))
    found = list(rows.order_by("-id")[: limit + 1])
    shown = found[:limit]
    return Page(
        lines=_with_holds(workspace_id, shown)
        if filter.is_folded
        else [Line(one) for one in shown],
        next=shown[-1].pk if len(found) > limit else None,
    )


def all_lines(*, workspace_id: int, filter: LineFilter, span: Span | None = None) -> Iterator[Line]:
    """Every line of the filter, newest first, read a few thousand at a time: for exports."""
    after: int | None = None
    while True:
        found = page(
            workspace_id=workspace_id, filter=filter, limit=_ROWS_AT_ONCE, span=span, after=after
        )
        yield from found.lines
        if found.next is None:
            return
        after = found.next


def income_and_losses(*, workspace_id: int) -> dict[str, int]:
    """Per kind, what lines that are not about single pieces of work moved in all, debt that they paid included.

    Signed; kinds that never happened are left out. There are few such lines, however much a workspace works.
    """
    rows = (
        CreditEntry.objects.of(workspace_id)
        .filter(kind__in=NOT_OF_WORK)
        .values("kind")
        .annotate(points=Sum("available_delta") - Sum("debt_delta"))
        .order_by("kind")
    )
    return {str(row["kind"]): int(row["points"]) for row in rows}


def _matching(workspace_id: int, filter: LineFilter) -> QuerySet[CreditEntry]:
    rows = CreditEntry.objects.of(workspace_id).select_related("api_key")
    if filter.kind:
        rows = rows.filter(kind=filter.kind)
    if filter.key_id is not None:
        rows = rows.filter(api_key_id=filter.key_id)
    if filter.reference:
        rows = rows.filter(reference=filter.reference)
    return _folded(rows) if filter.is_folded else rows


def _folded(rows: QuerySet[CreditEntry]) -> QuerySet[CreditEntry]:
    settled = CreditEntry.objects.across_workspaces().filter(
        workspace_id=OuterRef("workspace_id"), reference=OuterRef("reference"), kind__in=_SETTLED
    )
    # What a gateway took for calls that did not come, and gave back, tells nobody anything.
    idle = {"kind": Kind.RELEASE, "reference__startswith": "llm:"}
    return rows.exclude(Exists(settled), kind=Kind.HOLD).exclude(**idle)


def _with_holds(workspace_id: int, entries: Sequence[CreditEntry]) -> list[Line]:
    references = [one.reference for one in entries if one.kind in _SETTLED]
    holds = CreditEntry.objects.of(workspace_id).filter(reference__in=references, kind=Kind.HOLD)
    by_reference = {hold.reference: hold for hold in holds} if references else {}
    return [
        Line(one, by_reference.get(one.reference) if one.kind in _SETTLED else None)
        for one in entries
    ]


def _first_line(workspace_id: int, moment: datetime) -> int | None:
    """The number of the first line written at or after a moment. Two dozen index look-ups, however long the ledger."""
    rows = CreditEntry.objects.of(workspace_id).order_by("id")
    about = _line_about(workspace_id, moment - _SLACK)
    return rows.filter(id__gte=about, created_at__gte=moment).values_list("id", flat=True).first()


def _line_about(workspace_id: int, moment: datetime) -> int:
    """A number below which every line is older than the moment, give or take `_SLACK`: found by halving."""
    rows = CreditEntry.objects.of(workspace_id).order_by("id").values_list("id", "created_at")
    low, high = 0, _after_newest(workspace_id)
    while high - low > 1:
        middle = (low + high) // 2
        found = rows.filter(id__gte=middle, id__lt=high).first()
        if found is not None and found[1] < moment:
            low = found[0]
        else:
            high = middle
    return low


def _after_newest(workspace_id: int) -> int:
    newest = (
        CreditEntry.objects.of(workspace_id).order_by("-id").values_list("id", flat=True).first()
    )
    return (newest or 0) + 1


def _balance_before(workspace_id: int, line: int | None) -> int:
    """Available and held before a line; None: now."""
    rows = CreditEntry.objects.of(workspace_id).order_by("-id")
    before = (rows if line is None else rows.filter(id__lt=line)).first()
    return 0 if before is None else before.available_after + before.held_after
