"""A month's statement of credits as a document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from apps.billing.documents import Document, Party, Row, Table
from apps.billing.documents.words import day, dollars, printable
from apps.billing.selectors.statements import Statement
from apps.core.money import format_credits


@dataclass(frozen=True)
class Use:
    """What was used for one thing, and how often."""

    name: str
    times: int
    points: int


def document(*, statement: Statement, workspace: str, seller: str, uses: Sequence[Use]) -> Document:
    """What is printed; `uses` explain the statement's `used`."""
    return Document(
        title=f"Statement of credits, {statement.month:%B %Y}",
        written_at=min(statement.until, timezone.now()),
        facts=_facts(statement),
        parties=[Party("Issued by", [printable(seller)]), Party("For", [printable(workspace)])],
        tables=[_credits(statement), _used(uses)],
        notes=_notes(statement),
    )


def rows(*, statement: Statement, uses: Sequence[Use]) -> list[tuple[str, str, int]]:
    """The same as a table of (section, what, points): opening, in, used, out, closing; what went out is negative."""
    return [
        ("opening", "Opening balance", statement.opening),
        *(("in", word, points) for word, points in statement.came_in.items()),
        *(("used", use.name, -use.points) for use in uses),
        *(("out", word, -points) for word, points in statement.went_out.items()),
        ("closing", "Closing balance", statement.closing),
    ]


def _facts(statement: Statement) -> list[tuple[str, str]]:
    last = _last_day(statement.until)
    return [("From", day(statement.month)), ("To", day(last)), ("Currency", "US dollar")]


def _last_day(until: datetime) -> date:
    return min(until, timezone.now()).date() - (
        timedelta(days=1) if until <= timezone.now() else timedelta()
    )


def _row(word: str, points: int, *, is_sum: bool = False) -> Row:
    return Row([word, format_credits(points), dollars(points)], is_sum=is_sum)


def _credits(statement: Statement) -> Table:
    moves = [_row(word, points) for word, points in statement.came_in.items()]
    if statement.used:
        moves.append(_row("Used", -statement.used))
    moves += [_row(word, -points) for word, points in statement.went_out.items()]
    first = _row("Opening balance", statement.opening, is_sum=True)
    last = _row("Closing balance", statement.closing, is_sum=True)
    return Table("", ["What", "Credits", "Amount"], [first, *moves, last])


def _used(uses: Sequence[Use]) -> Table:
    shown = [
        Row([printable(use.name), str(use.times), format_credits(use.points), dollars(use.points)])
        for use in uses
    ]
    head = ["Model", "Tasks", "Credits", "Amount"]
    return Table("Used by model", head, shown, empty="Nothing was used.")


def _notes(statement: Statement) -> list[str]:
    notes = [] if statement.lines else ["No activity in this month."]
    if not statement.is_over:
        notes.append("The month is not over: this is how it stands now.")
    notes.append(
        "Balances count what is held for unfinished work, less what is owed. 700 credits are US$1. Times are UTC."
        " This statement is no invoice."
    )
    return notes
