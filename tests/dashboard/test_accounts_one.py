"""The page of one account: checklist, settings, credential, deletion, report."""

import csv
import io
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AuditEvent, Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.services.terms import Terms
from apps.dashboard import account_pages
from apps.tasks.models import AccountHour, Attempt, Task
from tests.bridge.running import RunningBridge
from tests.byoa.test_slots import lease
from tests.dashboard.accounts import CANARY, of, shown, url, words
from tests.factories import WorkspaceFactory, task
from tests.factories.byoa import own_account, seats

pytestmark = pytest.mark.django_db

SETTINGS = {
    "label": "Berlin",
    "mode": "relax",
    "weight": "low",
    "slots": "2",
    "daily_cap": "50",
    "active_from": "22:00",
    "active_to": "06:00",
    "time_zone": "Europe/Berlin",
    "tags": "eu",
    "config": "",
}


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def bridged(workspace: Workspace, bridge: RunningBridge) -> Account:
    """An account of the workspace at the bridge, on its seat."""
    seats(workspace)
    return own_account(
        workspace, label="Ours", provider="midjourney_bridge", base_url=bridge.url, slots=3
    )


def tried(account: Account, workspace: Workspace, number: int = 1, **fields: Any) -> Task:
    """A task that had an attempt at the account."""
    made = task(workspace)
    Attempt.objects.create(
        task=made, number=number, provider=account.provider, job="imagine", account=account,
        **{"state": "SUCCEEDED", "ended_at": datetime.now(UTC), **fields},
    )  # fmt: skip
    return made


# ------------------------------------------------------------------------------ the checklist
def test_checklist_is_looked_at_on_demand(owner: Client, bridged: Account):
    before = shown(owner, of(bridged))
    answer = owner.post(of(bridged, "accounts_check"))

    text = words(answer.content)
    assert "Run checks" in before
    assert "Seat paid" not in before
    assert answer.status_code == 200
    assert "fine Seat paid." in text
    assert "fine Credential accepted." in text
    assert "15 fast hours left" in text
    assert "not used Family is private." in text
    assert "Run again" in text
    assert answer.context["account"].plan == "standard"


def test_checklist_comes_alone_for_htmx_with_the_headline(
    owner: Client, bridged: Account, bridge: RunningBridge
):
    bridge.knobs(captcha=True)

    answer = owner.post(of(bridged, "accounts_check"), headers={"HX-Request": "true"})

    html = answer.content.decode()
    assert "<html" not in html
    assert 'data-line="captcha" data-state="bad"' in " ".join(html.split())
    assert 'hx-swap-oob="true"' in html
    assert "The provider wants to see a person." in words(answer.content)


def test_owner_says_that_the_captcha_is_solved(
    owner: Client, bridged: Account, bridge: RunningBridge
):
    bridge.knobs(captcha=True)
    owner.post(of(bridged, "accounts_check"))
    refused = owner.post(of(bridged, "accounts_recheck"), follow=True)
    bridge.knobs(captcha=False)

    page = owner.post(of(bridged, "accounts_recheck"), {"back": "family"}, follow=True)

    assert "Ours: The provider says:" in words(refused.content)
    assert page.redirect_chain[-1][0].endswith("/accounts/midjourney")
    assert "Takes tasks. 0 of 3 slots busy." in words(page.content)
    bridged.refresh_from_db()
    assert bridged.status == "active"


def test_account_is_paused_and_started(owner: Client, bridged: Account):
    paused = words(owner.post(of(bridged, "accounts_pause"), follow=True).content)
    started = words(owner.post(of(bridged, "accounts_start"), follow=True).content)

    assert "Ours is paused; follow-ups of its tasks still run there." in paused
    assert "Paused You paused it; follow-ups of its tasks still run." in paused
    assert "Ours is started." in started
    actions = AuditEvent.objects.of(bridged.workspace_id or 0).values_list("action", flat=True)
    assert list(actions.order_by("id")) == ["account.paused", "account.started"]


# ------------------------------------------------------------------------------- settings
def test_settings_are_saved_and_count_from_then_on(owner: Client, bridged: Account):
    page = owner.post(of(bridged, "accounts_settings"), SETTINGS, follow=True)

    bridged.refresh_from_db()
    assert "The settings are saved" in words(page.content)
    assert (bridged.label, bridged.mode, bridged.weight) == ("Berlin", "relax", "low")
    assert (bridged.slots, bridged.daily_cap, bridged.tags) == (2, 50, ["eu"])
    assert (bridged.active_from, bridged.active_to) == (time(22), time(6))
    assert bridged.time_zone == "Europe/Berlin"
    assert "00:00–06:00 22:00–24:00" in words(page.content)
    assert selectors.access(bridged).credential == f"upstream-key-{bridged.pk}"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("label", "", "required"),
        ("slots", "", "required"),
        ("mode", "", "required"),
        ("active_to", "", "a beginning and an end"),
        ("active_to", "22:00", "The period is empty"),
        ("time_zone", "Mars", "such as Europe/Berlin"),
        ("daily_cap", "0", "greater than or equal"),
    ],
)
def test_settings_that_make_no_sense_stay_in_the_form(
    owner: Client, bridged: Account, name: str, value: str, sentence: str
):
    answer = owner.post(of(bridged, "accounts_settings"), {**SETTINGS, name: value})

    bridged.refresh_from_db()
    assert (answer.status_code, bridged.label) == (422, "Ours")
    assert sentence in answer.context["form"].errors[name][0]
    assert 'value="Europe/Berlin"' in answer.content.decode() or name == "time_zone"


def test_credential_is_replaced_once_the_provider_takes_it(
    owner: Client, bridged: Account, bridge: RunningBridge
):
    path = of(bridged, "accounts_credential")
    refused = owner.post(path, {"base_url": bridge.url, "credential": "bad"})
    kept = selectors.access(Account.objects.across_workspaces().get(pk=bridged.pk)).credential
    page = owner.post(path, {"base_url": bridge.url, "credential": CANARY}, follow=True)

    bridged.refresh_from_db()
    assert refused.status_code == 422
    assert "Not replaced. The old one stays." in words(refused.content)
    assert "The provider says" in words(refused.content)
    assert 'value="bad"' not in refused.content.decode()
    assert kept == f"upstream-key-{bridged.pk}"
    assert "The credential is replaced." in words(page.content)
    assert selectors.access(bridged).credential == CANARY
    assert CANARY not in page.content.decode()


def test_credential_goes_to_the_default_server_when_none_is_named(
    workspace: Workspace, owner: Client
):
    made = own_account(
        workspace, "joycaption", provider="openai", base_url="https://api.openai.com"
    )

    page = owner.get(of(made)).content.decode()

    assert 'placeholder="https://api.openai.com"' in page
    assert 'value="https://api.openai.com"' not in page


# ---------------------------------------------------------------------------- the period
def test_week_follows_what_is_typed(workspace: Workspace, viewer: Client):
    given = {"active_from": "08:00", "active_to": "20:30", "time_zone": "Asia/Tokyo"}

    answer = viewer.get(url(workspace, "accounts_period"), given)

    assert words(answer.content).count("08:00–20:30") == 7


@pytest.mark.parametrize(
    "given",
    [
        {"active_from": "08:00", "active_to": "", "time_zone": "UTC"},
        {"active_from": "x", "active_to": "20:30", "time_zone": "UTC"},
        {"active_from": "08:00", "active_to": "20:30", "time_zone": "Mars"},
        {},
    ],
)
def test_week_of_nonsense_is_empty(workspace: Workspace, viewer: Client, given: dict[str, str]):
    answer = viewer.get(url(workspace, "accounts_period"), given)

    assert (answer.status_code, answer.content.strip()) == (200, b"")


def _week(
    now: datetime, start: int, end: int, zone: str = "Europe/Berlin"
) -> list[tuple[str, str, str]]:
    terms = Terms(
        "a", "https://a.example", active_from=time(start), active_to=time(end), time_zone=zone
    )
    days = account_pages.week(terms, now=now)
    return [(day.name, ", ".join(day.hours), day.clocks) for day in days]


def test_week_is_by_the_clocks_of_the_account_when_they_go_forward():
    week = _week(datetime(2026, 3, 27, 12, tzinfo=UTC), 1, 4)

    assert week[1:4] == [
        ("Sat 28 Mar", "01:00–04:00", ""),
        ("Sun 29 Mar", "01:00–04:00", "Clocks change: 23 hours."),
        ("Mon 30 Mar", "01:00–04:00", ""),
    ]
    assert len(week) == 7


def test_week_is_by_the_clocks_of_the_account_when_they_go_back():
    week = _week(datetime(2026, 10, 20, 23, tzinfo=UTC), 22, 6)

    assert week[0][0] == "Wed 21 Oct"
    assert week[4] == ("Sun 25 Oct", "00:00–06:00, 22:00–24:00", "Clocks change: 25 hours.")


def test_bars_of_a_day_are_parts_of_its_length():
    terms = Terms("a", "https://a.example", active_from=time(6), active_to=time(18))

    day = account_pages.week(terms, now=datetime(2026, 5, 1, tzinfo=UTC))[0]

    assert [(bar.x, bar.width) for bar in day.bars] == [("25.000", "50.000")]


def test_account_without_a_period_works_all_day():
    terms = Terms("a", "https://a.example", time_zone="Europe/Berlin")

    days = account_pages.week(terms, now=datetime(2026, 10, 24, tzinfo=UTC))

    assert [day.hours for day in days] == [["all day"]] * 7


# ------------------------------------------------------------------------------- deleting
def test_account_is_deleted_once_its_label_is_typed(owner: Client, bridged: Account):
    lease(bridged.pk)
    path = of(bridged, "accounts_delete")

    asked = shown(owner, path)
    wrong = owner.post(path, {"label": "ours"})
    done = owner.post(path, {"label": " Ours "}, follow=True)

    assert "1 task runs there now. Its result is lost." in asked
    assert (wrong.status_code, "That is another label." in words(wrong.content)) == (422, True)
    assert "Ours is deleted, and its credential with it." in words(done.content)
    assert "1 task ran there; what it makes is lost." in words(done.content)
    assert not Account.objects.across_workspaces().filter(pk=bridged.pk).exists()


def test_deleting_again_finds_nothing(owner: Client, bridged: Account):
    path = of(bridged, "accounts_delete")
    owner.post(path, {"label": "Ours"})

    assert owner.post(path, {"label": "Ours"}).status_code == 404


# ----------------------------------------------------------------------------------- tasks
def test_page_lists_what_ran_there_once_each_and_nothing_else(
    workspace: Workspace, owner: Client, bridged: Account
):
    other = own_account(workspace)
    ours = tried(bridged, workspace)
    Attempt.objects.create(
        task=ours, number=2, provider="x", job="imagine", account=bridged, state="ACCEPTED"
    )
    tried(other, workspace)
    theirs = tried(bridged, WorkspaceFactory.create())

    page = owner.get(of(bridged))

    assert [row.pk for row in page.context["tasks"]] == [ours.pk]
    assert str(theirs.pk) not in page.content.decode()


def test_page_asks_as_often_for_one_task_as_for_three(
    workspace: Workspace, owner: Client, bridged: Account
):
    tried(bridged, workspace)
    owner.get(of(bridged))

    with CaptureQueriesContext(connection) as one:
        owner.get(of(bridged))
    for _ in range(2):
        tried(bridged, workspace)
    with CaptureQueriesContext(connection) as three:
        owner.get(of(bridged))

    assert len(three) == len(one)
    assert len(one) <= 14


# -------------------------------------------------------------------------------- report
def _hours(account: Account) -> datetime:
    """Two days ago: ten tasks, two of them failed. Forty days ago: one."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    at = now - timedelta(days=2)
    AccountHour.objects.create(
        account=account, hour=at, attempts=10, succeeded=8, run_ms=160_000, fast_ms=1_800_000,
        errors={"provider_moderated": 2},
    )  # fmt: skip
    AccountHour.objects.create(
        account=account,
        hour=now - timedelta(days=40),
        attempts=1,
        succeeded=1,
        run_ms=1000,
        fast_ms=0,
    )
    return at


def test_report_sums_days_and_errors(workspace: Workspace, owner: Client, bridged: Account):
    at = _hours(bridged)
    _hours(own_account(WorkspaceFactory.create()))

    text = shown(owner, of(bridged, "accounts_report"))
    long = shown(owner, f"{of(bridged, 'accounts_report')}?days=90")

    assert "Tasks 10 2 failed" in text
    assert "Success 80.0 %" in text
    assert "Mean time 20.0 s" in text
    assert "Fast hours used 0.50" in text
    assert f"10 tasks, 2 of them failed; most on {at:%-d %B} with 10." in text
    assert "provider moderated 2" in text
    assert "Tasks 11 2 failed" in long


def test_report_without_tasks_says_so(owner: Client, bridged: Account):
    text = shown(owner, of(bridged, "accounts_report"))

    assert "No task ended there in these days." in text
    assert "Success – of all that ended there" in text


def test_report_as_a_table_has_no_formulas(owner: Client, bridged: Account):
    at = _hours(bridged)
    AccountHour.objects.filter(account=bridged, hour=at).update(errors={"=cmd": 2})

    answer = owner.get(of(bridged, "accounts_report_csv"))

    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0] == [
        "day", "tasks", "succeeded", "failed", "success_percent", "mean_seconds", "fast_hours", "errors",
    ]  # fmt: skip
    assert len(rows) == 31
    assert rows[28] == [
        f"{at:%Y-%m-%d}", "10", "8", "2", "80.0", "20.000", "0.5000", "'=cmd: 2",
    ]  # fmt: skip
    assert rows[30][1:] == ["0", "0", "0", "", "", "0.0000", ""]
    name = f'attachment; filename="account-{bridged.pk}-{rows[1][0]}-{rows[30][0]}.csv"'
    assert answer["Content-Disposition"] == name
