"""Cost next to price, providers' words next to our records, and the ledger as the operator reads it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.billing.services import movements
from apps.byoa.models import Account, SupplierSnapshot
from apps.ops import margin_report, supplier_report
from apps.ops.margin_report import Line
from apps.ops.pool_report import Money
from apps.ops.supplier_report import Interval
from apps.tasks.models import CostDay, UsageDay
from apps.tasks.services import roll_up
from tests.factories import WorkspaceFactory, completed, picture
from tests.factories.byoa import account
from tests.ops.test_pool_report import ended

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def cost(workspace: Workspace, where: Account | None, *, days_ago: int = 0, **values: Any) -> None:
    CostDay.objects.create(
        **{
            "day": TODAY - timedelta(days=days_ago),
            "provider": where.provider if where else "local",
            "account": where,
            "workspace": workspace,
            "model": "flux",
            "attempts": 1,
            "succeeded": 1,
            "price_points": 0,
            "run_ms": 0,
            **values,
        }
    )


def earned(workspace: Workspace, points: int, *, model: str = "flux", refunded: int = 0) -> None:
    UsageDay.objects.create(
        workspace=workspace,
        day=TODAY,
        model=model,
        task_type="t",
        service_mode="public",
        charged_points=points,
        refunded_points=refunded,
    )


def lines(by: margin_report.By, days: int = 7) -> list[Line]:
    first, last = margin_report.last_days(days=days)
    return list(margin_report.report(by=by, first=first, last=last).lines)


def test_margin_is_told_by_model_account_and_workspace(workspace: Workspace) -> None:
    other = WorkspaceFactory.create()
    mine = account(label="Mine")
    cost(workspace, mine, cost_points=300, price_points=1_000, attempts=3, succeeded=2)
    cost(other, mine, cost_points=50, price_points=0, succeeded=0, model="kling")
    cost(other, None, cost_points=0, price_points=400)
    cost(workspace, mine, cost_points=9_999, days_ago=7)
    earned(workspace, 1_000, refunded=200)
    earned(other, 400)
    earned(other, 70, model="")

    assert lines("model") == [
        Line("flux", 4, 3, Money(300, 1_200)),
        Line("no model", 0, 0, Money(0, 70)),
        Line("kling", 1, 0, Money(50, 0)),
    ]
    assert lines("account") == [
        Line("Mine (federation)", 4, 2, Money(350, 1_000)),
        Line("local", 1, 1, Money(0, 400)),
    ]
    assert lines("workspace") == [
        Line(workspace.slug, 3, 2, Money(300, 800)),
        Line(other.slug, 2, 1, Money(50, 470)),
    ]
    first, last = margin_report.last_days(days=8)
    assert margin_report.report(by="model", first=first, last=last).total.money == Money(
        10_349, 1_270
    )


def test_removed_account_keeps_its_cost(workspace: Workspace) -> None:
    gone = account(label="Gone")
    cost(workspace, gone, cost_points=5)
    Account.objects.across_workspaces().filter(pk=gone.pk).delete()

    assert [line.name for line in lines("account")] == [f"removed account #{gone.pk} (federation)"]


def test_work_on_customers_own_accounts_costs_us_nothing(workspace: Workspace) -> None:
    theirs = account()
    ended(picture(workspace), theirs, "SUCCEEDED", minutes=0, cost_points=5)
    Account.objects.across_workspaces().filter(pk=theirs.pk).update(
        workspace=workspace, families=["flux"]
    )

    roll_up.sum_costs_of(last=TODAY, days=2)

    assert CostDay.objects.across_workspaces().count() == 0


def look(made: Account, days_ago: int, **values: Any) -> SupplierSnapshot:
    return SupplierSnapshot.objects.create(
        account=made, taken_at=timezone.now() - timedelta(days=days_ago), **values
    )


def test_supplier_is_compared_with_what_we_recorded(workspace: Workspace) -> None:
    mine, neighbour = account(label="Mine"), account(label="Neighbour")
    made = picture(workspace)
    ended(made, mine, "SUCCEEDED", minutes=60, cost_points=700)
    ended(made, mine, "LATE", minutes=120, cost_points=200)
    ended(made, mine, "SUCCEEDED", minutes=60 * 30, cost_points=1_000)
    ended(made, neighbour, "SUCCEEDED", minutes=60, cost_points=50_000)
    looks = [
        look(mine, 2, used_points=5_000),
        look(mine, 1, used_points=6_000),
        look(mine, 0, error="It did not answer."),
    ]
    last = look(mine, 0, used_points=7_100)

    first, second = supplier_report.suppliers_report()

    assert first.intervals == [
        Interval(looks[1].taken_at, last.taken_at, told=1_100, recorded=900),
        Interval(looks[0].taken_at, looks[1].taken_at, told=1_000, recorded=1_000),
    ]
    assert (first.difference, first.last_look, first.tells) == (200, last, True)
    assert (second.account, second.intervals, second.last_look) == (neighbour, [], None)


def test_balance_tells_where_use_is_not_told() -> None:
    mine = account()
    look(mine, 2, balance_points=9_000, held_points=500)
    look(mine, 1, balance_points=8_000, held_points=700)
    look(mine, 0, balance_points=18_000)

    [found] = supplier_report.suppliers_report()

    assert [one.told for one in found.intervals] == [-9_300, 800]


def test_pages_show_their_numbers(operator: Client, workspace: Workspace) -> None:
    mine = account(label="Mine")
    cost(workspace, mine, cost_points=300, price_points=1_000)
    earned(workspace, 1_000)
    look(mine, 0, balance_points=12_345_678)

    margin = operator.get("/ops/admin/margin/?days=7&by=account").content.decode()
    suppliers = operator.get("/ops/admin/suppliers/").content.decode()
    table = b"".join(operator.get("/ops/admin/margin.csv?by=workspace").streaming_content).decode()

    assert "Mine (federation)" in margin
    assert "$1.2345678" in suppliers
    assert table.splitlines() == [
        "workspace,attempts,succeeded,cost_usd,revenue_usd,margin_usd",
        f"{workspace.slug},1,1,0.00003,0.0001,0.00007",
    ]


def test_check_now_says_that_the_provider_is_silent(operator: Client, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    made = account(base_url="http://127.0.0.1:9")

    page = operator.post(f"/ops/admin/suppliers/{made.pk}/look/", follow=True).content.decode()

    said = SupplierSnapshot.objects.get().error
    assert said
    assert page.count("ops-bad") == 1
    assert operator.post("/ops/admin/suppliers/999999/look/", follow=True).status_code == 200


def test_ledger_page_shows_every_word_to_the_operator(
    operator: Client, workspace: Workspace
) -> None:
    done = completed(workspace)
    movements.adjust(
        workspace_id=workspace.pk,
        points=5,
        reference="adjustment:1",
        note="=He called",
        actor=User.objects.get(email="operator@example.com"),
    )
    base = f"/ops/admin/ledger/{workspace.pk}"

    page = operator.get(f"{base}/").content.decode()
    one = operator.get(f"{base}/?task={done.id}&every=1").content.decode()
    table = b"".join(operator.get(f"{base}.csv").streaming_content).decode()
    wallet = operator.get(f"/ops/admin/billing/wallet/{workspace.pk}/change/").content.decode()

    assert "=He called" in page
    assert (one.count(f"task:{done.id}"), "signup" in one) == (2, False)
    assert "'=He called" in table
    assert len(table.splitlines()) == 4
    assert f"{base}/" in wallet
    assert " of $1.00 (grant signup), for ever" in wallet


@pytest.mark.parametrize(
    "path",
    [
        "/ops/admin/margin/",
        "/ops/admin/margin.csv",
        "/ops/admin/suppliers/",
        "/ops/admin/ledger/{}/",
        "/ops/admin/ledger/{}.csv",
        "/ops/admin/billing/wallet/{}/change/",
    ],
)
def test_pages_are_for_staff_with_the_permission(
    client: Client, workspace: Workspace, path: str
) -> None:
    address = path.format(workspace.pk)
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    customer = workspace.memberships.get().user

    answers = []
    for person in (clerk, customer):
        client.force_login(person)
        answers.append(client.get(address).status_code)

    assert answers == [403, 302]


def test_ledger_of_nobody_is_not_found(operator: Client) -> None:
    assert operator.get("/ops/admin/ledger/999999/").status_code == 404


def test_wallet_cannot_be_written_in_the_console(operator: Client, workspace: Workspace) -> None:
    base = f"/ops/admin/billing/wallet/{workspace.pk}"

    answers = [
        operator.post(f"{base}/change/", {"available": "9"}).status_code,
        operator.post(f"{base}/delete/", {"post": "yes"}).status_code,
        operator.get("/ops/admin/billing/wallet/add/").status_code,
    ]

    assert answers == [403, 403, 403]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_command_sums_and_proves(capsys: pytest.CaptureFixture[str]) -> None:
    workspace = WorkspaceFactory.create()
    completed(workspace)
    yesterday = TODAY - timedelta(days=1)

    call_command("roll_up_usage")
    call_command("roll_up_usage", "--from", yesterday.isoformat())

    assert capsys.readouterr().out.splitlines() == [
        "1 days summed; they agree with the ledger.",
        "2 days summed; they agree with the ledger.",
    ]
    assert UsageDay.objects.of(workspace.pk).get().charged_points == 10_000
    assert CostDay.objects.of(workspace.pk).get().price_points == 10_000
    UsageDay.objects.of(workspace.pk).update(day=date(2020, 1, 1))
    with pytest.raises(CommandError):
        call_command("roll_up_usage")
