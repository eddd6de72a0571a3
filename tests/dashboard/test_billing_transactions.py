"""The transactions page: folded lines, balances, links, filters, export, and nothing of a neighbour's."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.billing.models import Invoice
from apps.billing.services import movements
from apps.tasks.services import finish
from tests.factories import WorkspaceFactory, completed, owner_of, task
from tests.factories.billing import payment

pytestmark = pytest.mark.django_db
USD = 10_000_000


def path(workspace: Workspace, query: str = "") -> str:
    return f"/w/{workspace.slug}/billing/transactions{query}"


def shown(response: Any) -> list[tuple[str, str, int, int]]:
    return [
        (cause.kind, cause.text, line.amount, line.balance)
        for line, cause in response.context["rows"]
    ]


def table(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_page_tells_what_moved_the_balance(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    running = task(workspace)
    finish.cancel(task=task(workspace))
    paid = payment(workspace, usd=20)

    response = owner.get(path(workspace))

    kinds = [row[0] for row in shown(response)]
    assert kinds == ["Top-up", "Not charged", "Held", "Spent", "Given"]
    balances = [(amount, balance) for _, _, amount, balance in shown(response)]
    assert balances == [
        (20 * USD, 21 * USD - 10_000),
        (0, USD - 10_000),
        (0, USD - 10_000),
        (-10_000, USD - 10_000),
        (USD, USD),
    ]
    urls = [cause.url for _, cause in response.context["rows"]]
    invoice = Invoice.objects.of(workspace.pk).get(payment=paid)
    assert urls[0] == f"/w/{workspace.slug}/billing/invoices/{invoice.pk}"
    assert urls[2:] == [
        f"/w/{workspace.slug}/tasks/{running.id}",
        f"/w/{workspace.slug}/tasks/{done.id}",
        "",
    ]


def test_viewer_gets_no_link_to_an_invoice(workspace: Workspace, viewer: Client) -> None:
    payment(workspace)

    response = viewer.get(path(workspace))

    assert [cause.url for _, cause in response.context["rows"]] == ["", ""]


def test_holds_are_lines_of_their_own_when_asked_for(workspace: Workspace, owner: Client) -> None:
    completed(workspace)

    every = owner.get(path(workspace, "?every=1"))
    holds = owner.get(path(workspace, "?kind=HOLD"))

    assert [row[0] for row in shown(every)] == ["Spent", "Held", "Given"]
    assert [row[0] for row in shown(holds)] == ["Held"]


def test_long_list_comes_page_by_page_with_its_filters(workspace: Workspace, owner: Client) -> None:
    for number in range(60):
        movements.grant(workspace_id=workspace.pk, points=1, reference=f"promo:{number}")

    first = owner.get(path(workspace, "?kind=GRANT"))
    second = owner.get(path(workspace, f"?{first.context['older']}"))

    assert (len(shown(first)), len(shown(second)), second.context["older"]) == (50, 11, "")
    assert [balance for *_, balance in shown(first) + shown(second)] == [
        USD + 60 - back for back in range(61)
    ]
    assert second.context["asked"].kind == "GRANT"


def test_days_have_an_opening_and_a_closing_balance(workspace: Workspace, owner: Client) -> None:
    completed(workspace)
    today = datetime.now(UTC).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)

    spans = [
        owner.get(path(workspace, query)).context["span"]
        for query in (
            "",
            f"?first={today}&last={today}",
            f"?last={yesterday}",
            f"?first={tomorrow}",
        )
    ]

    now = USD - 10_000
    assert [(one.opening, one.closing) for one in spans] == [(0, now), (0, now), (0, 0), (now, now)]


@pytest.mark.parametrize(
    "query",
    [
        "?kind=THEFT&key=x&task=y&first=z&last=9999-12-31&after=-1&every=2",
        "?first=0001-01-01&last=0001-01-01",
        f"?key={'9' * 30}&after={'9' * 30}",
        "?task=%00&kind=%00",
    ],
)
def test_unreadable_query_is_not_asked_for(workspace: Workspace, owner: Client, query: str) -> None:
    response = owner.get(path(workspace, query))

    assert (response.status_code, len(shown(response))) == (200, 1)


def test_export_has_the_same_lines_exactly(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    movements.grant(workspace_id=workspace.pk, points=3, reference="=promo", note='@SUM(1)";"')

    rows = table(owner.get(path(workspace, ".csv")))

    assert [
        (row["kind"], row["reference"], row["amount_usd"], row["balance_usd"]) for row in rows
    ] == [
        ("grant", "'=promo", "0.0000003", "0.9990003"),
        ("capture", f"task:{done.id}", "-0.001", "0.999"),
        ("grant", "signup", "1", "1"),
    ]
    assert (rows[0]["note"], rows[1]["held_before_usd"]) == ('\'@SUM(1)";"', "0.001")
    assert datetime.fromisoformat(rows[0]["time"]).utcoffset() == timedelta(0)
    filtered = table(owner.get(path(workspace, f".csv?task={done.id}&every=1")))
    assert [row["kind"] for row in filtered] == ["capture", "hold"]


def test_operators_words_are_not_shown(workspace: Workspace, owner: Client) -> None:
    movements.adjust(
        workspace_id=workspace.pk,
        points=5,
        reference="adjustment:1",
        note="He called three times.",
        actor=owner_of(WorkspaceFactory.create()),
    )

    page = owner.get(path(workspace))
    export = b"".join(owner.get(path(workspace, ".csv")).streaming_content)

    assert b"Corrected" in page.content
    assert b"three times" not in page.content + export


def test_neighbours_lines_do_not_show(workspace: Workspace, owner: Client) -> None:
    theirs = completed(WorkspaceFactory.create())

    pages = [
        owner.get(path(workspace, query))
        for query in (f"?task={theirs.id}", f"?key={theirs.api_key_id}", "?kind=CAPTURE")
    ]

    assert [shown(page) for page in pages] == [[], [], []]
    assert table(owner.get(path(workspace, f".csv?key={theirs.api_key_id}"))) == []
