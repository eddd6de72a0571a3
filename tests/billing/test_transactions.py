"""The ledger as people read it: every line adds up, folded or not, page by page, and nobody reads a neighbour's."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry, Wallet
from apps.billing.selectors import transactions as ledger
from apps.billing.selectors.transactions import LineFilter
from apps.billing.services import credits, movements
from tests.factories import WorkspaceFactory, identity
from tests.factories.billing import payment

pytestmark = pytest.mark.django_db

USD = 10_000_000
ALL = LineFilter(is_folded=False)
FOLDED = LineFilter()


def spend(workspace: Workspace, *references: str, who: Any = None, cost: int = 300) -> None:
    """Holds of 500 points, captured at `cost`."""
    who = who or identity(workspace)
    for reference in references:
        credits.hold(identity=who, points=500, reference=reference)
        credits.capture(workspace_id=workspace.pk, reference=reference, cost=cost)


def write_at(workspace: Workspace, reference: str, moment: datetime) -> None:
    """As if a cause's lines were written then: past the trigger that forbids changes."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE billing_creditentry SET created_at = %s WHERE workspace_id = %s AND reference = %s",
            [moment, workspace.pk, reference],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def lines(workspace: Workspace, filter: LineFilter = FOLDED, **more: Any) -> list[ledger.Line]:
    found = ledger.page(workspace_id=workspace.pk, filter=filter, limit=100, **more)
    return list(found.lines)


def test_settled_hold_is_one_line_and_open_hold_stays(workspace: Workspace) -> None:
    who = identity(workspace)
    spend(workspace, "task:a", who=who)
    credits.hold(identity=who, points=500, reference="task:b")
    credits.release(workspace_id=workspace.pk, reference="task:b")
    credits.hold(identity=who, points=700, reference="task:c")

    found = lines(workspace)

    shown = [
        (one.entry.kind, one.amount, one.balance, one.hold.held_delta if one.hold else None)
        for one in found
    ]
    assert shown == [
        ("HOLD", 0, USD - 300, None),
        ("RELEASE", 0, USD - 300, 500),
        ("CAPTURE", -300, USD - 300, 500),
        ("GRANT", USD, USD, None),
    ]
    assert len(lines(workspace, ALL)) == 6


@pytest.mark.parametrize("filter", [ALL, FOLDED])
def test_each_balance_is_the_one_before_plus_the_amount(
    workspace: Workspace, filter: LineFilter
) -> None:
    spend(workspace, *(f"task:{number}" for number in range(5)))
    paid = payment(workspace, usd=3)
    movements.claw_back(workspace_id=workspace.pk, points=5 * USD, reference=f"payment:{paid.pk}:1")
    payment(workspace, usd=4)

    found = lines(workspace, filter)

    balances = [one.balance for one in found]
    assert balances == [
        one.balance + two.amount for one, two in zip(found[1:], found, strict=False)
    ] + [USD]
    assert found[-1].balance == found[-1].amount


def test_pages_hold_every_line_once(workspace: Workspace) -> None:
    spend(workspace, *(f"task:{number}" for number in range(7)))
    everything = [one.entry.pk for one in lines(workspace, ALL)]

    seen: list[int] = []
    after = None
    while True:
        page = ledger.page(workspace_id=workspace.pk, filter=ALL, limit=4, after=after)
        seen += [one.entry.pk for one in page.lines]
        if page.next is None:
            break
        after = page.next

    assert seen == everything
    exported = ledger.all_lines(workspace_id=workspace.pk, filter=ALL)
    assert [one.entry.pk for one in exported] == everything


def test_filters_find_kind_key_and_cause(workspace: Workspace) -> None:
    one, two = identity(workspace), identity(workspace)
    spend(workspace, "task:a", who=one)
    spend(workspace, "task:b", who=two)

    assert [line.entry.reference for line in lines(workspace, LineFilter(key_id=two.key_id))] == [
        "task:b"
    ]
    assert [line.entry.reference for line in lines(workspace, LineFilter(kind="GRANT"))] == [
        "signup"
    ]
    assert [line.entry.kind for line in lines(workspace, LineFilter(reference="task:a"))] == [
        "CAPTURE"
    ]


def test_span_opens_where_the_one_before_closed(workspace: Workspace) -> None:
    now = timezone.now()
    spend(workspace, "task:a", "task:b", "task:c")
    for days, reference in ((9, "signup"), (6, "task:a"), (3, "task:b"), (1, "task:c")):
        write_at(workspace, reference, now - timedelta(days=days))
    edges = [None, now - timedelta(days=7), now - timedelta(days=2), None]

    spans = [
        ledger.span(workspace_id=workspace.pk, since=since, until=until)
        for since, until in itertools.pairwise(edges)
    ]

    assert [(one.opening, one.closing) for one in spans] == [
        (0, USD),
        (USD, USD - 600),
        (USD - 600, USD - 900),
    ]
    inside = [[line.entry.reference for line in lines(workspace, span=one)] for one in spans]
    assert inside == [["signup"], ["task:b", "task:a"], ["task:c"]]


def test_span_after_the_last_line_is_empty_and_before_the_first_too(workspace: Workspace) -> None:
    spend(workspace, "task:a")
    tomorrow, long_ago = timezone.now() + timedelta(days=1), datetime(2001, 1, 1, tzinfo=UTC)

    later = ledger.span(workspace_id=workspace.pk, since=tomorrow, until=None)
    earlier = ledger.span(workspace_id=workspace.pk, since=None, until=long_ago)

    assert (later.opening, later.closing, lines(workspace, span=later)) == (USD - 300,) * 2 + ([],)
    assert (earlier.opening, earlier.closing, lines(workspace, span=earlier)) == (0, 0, [])


def test_line_whose_time_is_out_of_order_belongs_where_it_stands(workspace: Workspace) -> None:
    """It waited for the wallet over midnight: its time is of yesterday, its place in the ledger today."""
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    spend(workspace, "task:today", "task:waited")
    write_at(workspace, "signup", midnight - timedelta(days=1))
    write_at(workspace, "task:today", midnight + timedelta(seconds=1))
    write_at(workspace, "task:waited", midnight - timedelta(seconds=1))

    today = ledger.span(workspace_id=workspace.pk, since=midnight, until=None)
    before = ledger.span(workspace_id=workspace.pk, since=None, until=midnight)

    assert [one.entry.reference for one in lines(workspace, span=today)] == [
        "task:waited",
        "task:today",
    ]
    assert (before.closing, today.opening, today.closing) == (USD, USD, USD - 600)


def test_neighbours_lines_do_not_show(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    spend(neighbour, "task:a")
    theirs = CreditEntry.objects.of(neighbour.pk).get(reference="task:a", kind="CAPTURE")

    assert [one.entry.reference for one in lines(workspace)] == ["signup"]
    assert lines(workspace, LineFilter(key_id=theirs.api_key_id)) == []
    assert lines(workspace, LineFilter(reference="task:a")) == []


def test_income_and_losses_are_told_by_kind(workspace: Workspace) -> None:
    spend(workspace, "task:a")
    movements.refund(
        workspace_id=workspace.pk, reference="task:a", points=100, note="Blurred.", actor=None
    )
    movements.claw_back(workspace_id=workspace.pk, points=2 * USD, reference="payment:x:1")
    payment(workspace, usd=3)

    assert ledger.income_and_losses(workspace_id=workspace.pk) == {
        "CLAWBACK": -2 * USD,
        "GRANT": USD,
        "PURCHASE": 3 * USD,
        "REFUND": 100,
    }


def test_income_says_what_of_it_paid_a_debt(workspace: Workspace) -> None:
    available = Wallet.objects.of(workspace.pk).get().available
    movements.claw_back(workspace_id=workspace.pk, points=available + 300, reference="payment:a")
    movements.purchase(workspace_id=workspace.pk, points=1_000, reference="payment:b")

    shown = [(one.entry.kind, one.amount, one.balance, one.repaid) for one in lines(workspace)[:2]]

    assert shown == [("PURCHASE", 700, 700, 300), ("CLAWBACK", -available, 0, 0)]


def test_long_ledger_is_read_through_its_indexes(workspace: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_creditentry (workspace_id, kind, reference, available_delta, held_delta,"
            " available_after, held_after, created_at)"
            " SELECT %s, 'HOLD', 'task:' || n, -1, 1, 1, 1, now() - (20000 - n) * interval '1 minute'"
            "   FROM generate_series(1, 20000) n",
            [workspace.pk],
        )
        cursor.execute("ANALYZE billing_creditentry")
    write_at(workspace, "signup", timezone.now() - timedelta(days=20))
    week_ago = timezone.now() - timedelta(days=7)

    rows = CreditEntry.objects.of(workspace.pk)
    grants = rows.filter(kind="GRANT").order_by("-id")[:51].explain()
    newest = rows.order_by("-id")[:51].explain()
    span = ledger.span(workspace_id=workspace.pk, since=week_ago, until=None)

    assert "credit_entry_not_of_work" in grants
    assert "Sort" not in newest
    assert "Seq Scan" not in newest
    found = rows.filter(id__gte=span.first, created_at__lt=week_ago).count()
    missed = rows.filter(id__lt=span.first, created_at__gte=week_ago).count()
    assert (found, missed) == (0, 0)
