"""The monthly statement: what it counts, and that it adds up."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.documents import statement as printed
from apps.billing.models import CreditEntry, Wallet
from apps.billing.selectors import statements
from apps.billing.selectors.statements import Statement, StatementDoesNotAddUp, months, statement
from apps.billing.services import credits, movements
from apps.core.errors import NotFound
from apps.tasks.selectors.credit_use import ModelUse, used_by_model
from tests.factories import ILLUSTRATION, WorkspaceFactory, completed, identity, task

Kind = CreditEntry.Kind
# The factories' workspace has a dollar from its sign-up, today.
OPENED = 10_000_000


def line(workspace: Workspace, kind: str, available: int, day: datetime, **facts: Any) -> None:
    """A ledger line of another day: services write only today's."""
    given: dict[str, Any] = {"held_delta": 0, "debt_delta": 0, "reference": str(uuid.uuid4())}
    CreditEntry.objects.create(
        workspace_id=workspace.pk,
        kind=kind,
        available_delta=available,
        available_after=0,
        held_after=0,
        created_at=day,
        **(given | facts),
    )


def at(month: int, day: int = 15, hour: int = 12, **more: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC, **more)


@pytest.fixture
def old(db: None) -> Workspace:
    """A workspace whose ledger begins in March 2026."""
    found = WorkspaceFactory.create(points=0)
    line(found, Kind.PURCHASE, 1000, at(3))
    line(found, Kind.HOLD, -300, at(3, 20), held_delta=300, reference="a")
    line(found, Kind.CAPTURE, 100, at(4, 2), held_delta=-300, reference="a")
    line(found, Kind.REFUND, 50, at(4, 3), reference="a")
    line(found, Kind.CLAWBACK, -850, at(4, 4), debt_delta=150)
    line(found, Kind.GRANT, 250, at(5), debt_delta=-150)
    line(found, Kind.EXPIRY, -250, at(5, 31, 23, minute=59, second=59))
    line(found, Kind.REPAYMENT, 0, at(5), debt_delta=0)
    line(found, Kind.ADJUSTMENT, 7, at(6, 1, 0), note="gift")
    line(found, Kind.ADJUSTMENT, -3, at(6), note="slip")
    line(found, Kind.REINSTATEMENT, 20, at(6))
    return found


def seen(workspace: Workspace, month: int) -> tuple[Any, ...]:
    found = statement(workspace_id=workspace.pk, month=date(2026, month, 1))
    return found.opening, found.came_in, found.used, found.went_out, found.closing


def test_months_follow_from_one_another_and_show_what_moved(old: Workspace) -> None:
    assert [seen(old, month) for month in (3, 4, 5, 6, 7)] == [
        # A hold is still the customer's.
        (0, {"Purchases": 1000}, 0, {}, 1000),
        (1000, {"Refunds of used credits": 50}, 200, {"Taken back after a reversal": 1000}, -150),
        # What comes in pays the debt first, and is in all the same.
        (-150, {"Grants": 400}, 0, {"Expired": 250}, 0),
        (0, {"Given back after a reversal": 20, "Corrections": 7}, 0, {"Corrections": 3}, 24),
        (24, {}, 0, {}, 24),
    ]


def test_months_go_from_the_first_line_to_today(old: Workspace) -> None:
    today = timezone.now().date().replace(day=1)

    found = months(workspace_id=old.pk)

    assert (found[0], found[-1]) == (today, date(2026, 3, 1))
    assert len(found) == (today.year - 2026) * 12 + today.month - 2
    assert months(workspace_id=WorkspaceFactory.create(points=0).pk) == []


@pytest.mark.parametrize("month", [date(2026, 2, 1), date(2100, 1, 1), date(1, 1, 1)])
def test_there_is_no_statement_before_the_first_line_or_of_the_future(
    old: Workspace, month: date
) -> None:
    with pytest.raises(NotFound, match="no statement"):
        statement(workspace_id=old.pk, month=month)


def test_statement_of_this_month_is_the_wallet(workspace: Workspace) -> None:
    credits.hold(identity=identity(workspace), points=4_000, reference="x")
    movements.claw_back(workspace_id=workspace.pk, points=2 * OPENED, reference="y")
    wallet = Wallet.objects.of(workspace.pk).get()

    found = statement(workspace_id=workspace.pk, month=timezone.now().date())

    assert found.closing == wallet.available + wallet.held - wallet.debt == -OPENED
    assert not found.is_over


def test_neighbours_lines_are_not_counted(old: Workspace) -> None:
    other = WorkspaceFactory.create(points=0)
    line(other, Kind.PURCHASE, 5, at(3))

    assert seen(other, 3) == (0, {"Purchases": 5}, 0, {}, 5)


def test_kind_that_no_line_shows_is_refused_rather_than_hidden(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(statements._OUT, Kind.EXPIRY)

    with pytest.raises(StatementDoesNotAddUp, match="2026-05"):
        statement(workspace_id=old.pk, month=date(2026, 5, 1))


# ------------------------------------------------------------------------------------------------------- by model
def test_used_by_model_is_what_was_captured(workspace: Workspace) -> None:
    for _ in range(2):
        completed(workspace)
    task(workspace)
    completed(WorkspaceFactory.create())
    credits.hold(identity=identity(workspace), points=10, reference="task:nonsense")
    credits.capture(workspace_id=workspace.pk, cost=10, reference="task:nonsense")
    month = statement(workspace_id=workspace.pk, month=timezone.now().date())

    found = used_by_model(workspace_id=workspace.pk, since=month.since, until=month.until)

    assert found == [
        ModelUse(ILLUSTRATION["model"], ILLUSTRATION["task_type"], 2, 20_000),
        ModelUse("", "", 1, 10),
    ]
    assert sum(use.points for use in found) == month.used


def test_used_by_model_of_a_month_without_work_is_empty(workspace: Workspace) -> None:
    assert used_by_model(workspace_id=workspace.pk, since=at(1), until=at(2)) == []


# ---------------------------------------------------------------------------------------------------------- paper
def paper(found: Statement, *uses: printed.Use) -> printed.Document:
    return printed.document(statement=found, workspace="Acme", seller="Modelyard", uses=uses)


def test_paper_shows_every_line_and_what_was_used(old: Workspace) -> None:
    found = statement(workspace_id=old.pk, month=date(2026, 4, 1))

    document = paper(found, printed.Use("kling video", 1, 200))

    assert document.title == "Statement of credits, April 2026"
    assert document.facts[:2] == [("From", "1 April 2026"), ("To", "30 April 2026")]
    assert document.written_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert [tuple(row.cells) for row in document.tables[0].rows] == [
        ("Opening balance", "0.07", "US$0.0001"),
        ("Refunds of used credits", "0", "US$0.000005"),
        ("Used", "−0.01", "−US$0.00002"),
        ("Taken back after a reversal", "−0.07", "−US$0.0001"),
        ("Closing balance", "−0.01", "−US$0.000015"),
    ]
    assert [row.cells for row in document.tables[1].rows] == [
        ["kling video", "1", "0.01", "US$0.00002"]
    ]


def test_rows_of_the_table_add_up_to_the_last(old: Workspace) -> None:
    found = statement(workspace_id=old.pk, month=date(2026, 4, 1))

    rows = printed.rows(statement=found, uses=[printed.Use("m", 1, 200)])

    *parts, (section, _, closing) = rows
    assert (section, closing) == ("closing", sum(points for _, _, points in parts))


def test_month_without_activity_says_so(old: Workspace) -> None:
    quiet = paper(statement(workspace_id=old.pk, month=date(2026, 7, 1)))
    busy = paper(statement(workspace_id=old.pk, month=date(2026, 6, 1)))

    assert "No activity in this month." in quiet.notes
    assert "No activity in this month." not in busy.notes
    assert quiet.tables[1].empty == "Nothing was used."


def test_month_that_is_not_over_says_so(workspace: Workspace) -> None:
    now = timezone.now()
    document = paper(statement(workspace_id=workspace.pk, month=now.date()))

    assert "The month is not over: this is how it stands now." in document.notes
    assert document.facts[1] == ("To", f"{now:%-d %B %Y}")
