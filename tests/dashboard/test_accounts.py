"""Own accounts by family: what the lists say, and that the switches do what they say."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.tasks.models import AccountHour
from tests.dashboard.accounts import CANARY, of, shown, url
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, member, owner_of
from tests.factories.byoa import own_account, seats

pytestmark = pytest.mark.django_db


def hour(account: Any, **fields: Any) -> AccountHour:
    """Ten attempts that ended an hour ago, nine of them well."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    given = {"hour": at, "attempts": 10, "succeeded": 9, "run_ms": 90_000, "fast_ms": 0}
    return AccountHour.objects.create(account=account, **{**given, **fields})


def test_first_visit_says_what_to_do_and_what_seats_cost(workspace: Workspace, owner: Client):
    text = shown(owner, url(workspace))

    assert "No own account yet." in text
    assert "Midjourney $10.00 a month, each further one $6.00" in text
    assert "Suno $5.00 a month for 2" in text
    assert "Kling $5.00 a month Rent a seat for Kling" in text


def test_family_with_seats_comes_first_and_the_others_fold_away(
    workspace: Workspace, owner: Client
):
    seats(workspace, quantity=2)
    own_account(workspace, label="Berlin")

    text = shown(owner, url(workspace))

    assert "1 of 2 seats used . $6.00 a month for the next seat." in text
    assert "Berlin Active Takes tasks. 0 of 10 slots busy." in text
    assert "Public. Tasks are paid per use" in text
    assert "Fail-over is off." in text
    assert text.index("Berlin") < text.index("More families")
    assert "No own account yet." not in text


def test_accounts_of_a_neighbour_are_nowhere(workspace: Workspace, owner: Client):
    other = WorkspaceFactory.create()
    seats(other, quantity=3)
    theirs = own_account(other, label="Theirs")
    own_account(workspace, label="Ours")

    pages = [owner.get(url(workspace)), owner.get(url(workspace, "accounts_family", "midjourney"))]

    assert all(b"Ours" in page.content and b"Theirs" not in page.content for page in pages)
    assert owner.get(of(theirs).replace(other.slug, workspace.slug)).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "accounts_one", "accounts_check", "accounts_recheck", "accounts_pause", "accounts_start", "accounts_settings",
        "accounts_credential", "accounts_delete", "accounts_report", "accounts_report_csv",
    ],
)  # fmt: skip
def test_account_of_a_neighbour_does_not_exist(workspace: Workspace, owner: Client, name: str):
    theirs = own_account(WorkspaceFactory.create(), label="Theirs")
    path = url(workspace, name, "midjourney", theirs.pk)
    method = "post" if name in _POSTED else "get"

    response = getattr(owner, method)(path, {"label": "Theirs"})

    theirs.refresh_from_db()
    assert (response.status_code, theirs.is_paused, theirs.label) == (404, False, "Theirs")


_POSTED = {
    "accounts_check", "accounts_recheck", "accounts_pause", "accounts_start", "accounts_settings",
    "accounts_credential", "accounts_delete",
}  # fmt: skip


def test_account_of_another_family_is_not_on_this_ones_pages(workspace: Workspace, owner: Client):
    made = own_account(workspace)

    assert owner.get(url(workspace, "accounts_one", "kling", made.pk)).status_code == 404
    assert owner.get(url(workspace, "accounts_family", "nothing")).status_code == 404


def test_card_says_state_numbers_and_next_step(workspace: Workspace, owner: Client):
    made = own_account(
        workspace,
        label="Berlin",
        slots=3,
        daily_cap=200,
        day=timezone.now().astimezone(UTC).date(),
        day_count=41,
        active_from=time(8),
        active_to=time(7, 59),
        time_zone="Europe/Berlin",
        plan="standard",
        fast_hours="12.50",
        weight="high",
        tags=["eu"],
        status="captcha_required",
    )
    hour(made)

    text = shown(owner, url(workspace, "accounts_family", "midjourney"))

    assert "Captcha required The provider wants to see a person." in text
    assert "Solve it in your own account, then say: I solved it." in text
    assert "Slots 0 of 3 busy Today (UTC) 41 of 200 Success, 24 hours 90.0 % of 10" in text
    assert "Fast hours 12.5 Mode Fast Plan there standard Weight High" in text
    assert "Active 08:00 to 07:59, Europe/Berlin Tags eu" in text
    assert "I solved it Berlin" in text


@pytest.mark.parametrize(
    ("fields", "button"),
    [
        ({"is_paused": True}, "Start Berlin"),
        ({"status": "invalid_credentials"}, "Replace the credential : Berlin"),
        ({"status": "banned"}, "Check now Berlin"),
        ({"is_out_of_fast": True}, "Check now Berlin"),
        ({"seat_ended_at": datetime(2026, 1, 1, tzinfo=UTC)}, "Rent a seat"),
    ],
)
def test_each_state_offers_its_repair(
    workspace: Workspace, owner: Client, fields: dict[str, Any], button: str
):
    made = own_account(workspace, label="Berlin", **fields)

    assert button in shown(owner, url(workspace, "accounts_family", "midjourney"))
    assert button.removesuffix(" Berlin").removesuffix(" :") in shown(owner, of(made))


def test_who_may_only_look_has_no_buttons(workspace: Workspace, developer: Client, viewer: Client):
    seats(workspace, quantity=2)
    made = own_account(workspace, label="Berlin", status="banned")
    paths = [url(workspace), url(workspace, "accounts_family", "midjourney"), of(made)]

    for client in (developer, viewer):
        for path in paths:
            main = client.get(path).content.partition(b"<main")[2]
            assert b"<form" not in main
            assert b"Rent a seat" not in main
            assert b"Connect account" not in main


def test_menu_leads_there_for_who_may_look(workspace: Workspace, viewer: Client, billing: Client):
    link = f'href="{url(workspace)}"'

    assert link in viewer.get(url(workspace, "overview")).content.decode()
    assert link not in billing.get(url(workspace, "overview")).content.decode()


def test_credential_is_on_no_page(workspace: Workspace, owner: Client):
    seats(workspace, quantity=2)
    made = own_account(workspace, credential=CANARY)
    paths = [
        url(workspace),
        url(workspace, "accounts_family", "midjourney"),
        url(workspace, "accounts_connect", "midjourney"),
        *(of(made, name) for name in ("accounts_one", "accounts_report", "accounts_delete")),
    ]

    for path in paths:
        html = owner.get(path).content.decode()
        assert CANARY not in html
        assert made.credential not in html
        assert str(made.credential_digest) not in html


@pytest.mark.parametrize("path", ["accounts", "accounts_family"])
def test_list_asks_as_often_for_one_account_as_for_three(
    workspace: Workspace, owner: Client, path: str
):
    seats(workspace, quantity=3)
    hour(own_account(workspace))
    page = url(workspace, path, *(["midjourney"] if path == "accounts_family" else []))
    owner.get(page)

    with CaptureQueriesContext(
        connection,
    ) as one:
        owner.get(page)
    for _ in range(2):
        hour(own_account(workspace))
    with CaptureQueriesContext(connection) as three:
        owner.get(page)

    assert len(three) == len(one)
    assert len(one) <= 14


# -------------------------------------------------------------------------------- switches
def flip(client: Client, workspace: Workspace, family: str, switch: str, on: str, **more: str):
    path = url(workspace, "accounts_pool", family)
    return client.post(path, {"switch": switch, "on": on, **more}, follow=True)


def test_family_is_made_private_and_public(workspace: Workspace, owner: Client):
    own_account(workspace)

    page = flip(owner, workspace, "midjourney", "private", "1")

    workspace.refresh_from_db()
    assert workspace.private_families == ["midjourney"]
    assert page.redirect_chain[-1][0] == url(workspace, "accounts_family", "midjourney")
    assert b"Midjourney is private" in page.content
    assert b"cost no credits, unless a request asks for the public pool" in page.content

    flip(owner, workspace, "midjourney", "private", "0")

    workspace.refresh_from_db()
    assert workspace.private_families == []
    actions = AuditEvent.objects.of(workspace.pk).order_by("id").values_list("action", "actor")
    assert list(actions) == [("pool.private", owner_of(workspace).pk)] * 2


def test_private_family_without_an_account_says_what_that_means(
    workspace: Workspace, owner: Client
):
    page = flip(owner, workspace, "kling", "private", "1", back="all")

    assert page.redirect_chain[-1][0] == url(workspace)
    assert b"Private, without an account." in page.content


def test_failover_and_flagged_accounts_have_switches(workspace: Workspace, owner: Client):
    seats(workspace, "suno", 2)

    flip(owner, workspace, "suno", "failover", "1")
    page = flip(owner, workspace, "suno", "skip_flagged", "1")

    workspace.refresh_from_db()
    assert (workspace.failover_families, workspace.skips_flagged_suno) == (["suno"], True)
    assert b"Fail-over is on." in page.content
    assert b"Flagged accounts are skipped." in page.content


def test_family_that_cannot_fail_over_has_no_such_switch(workspace: Workspace, owner: Client):
    page = flip(owner, workspace, "flux", "failover", "1")

    workspace.refresh_from_db()
    assert workspace.failover_families == []
    assert b"Only these fail over" in page.content
    assert b"Fail-over is" not in page.content


def test_switch_needs_a_token(workspace: Workspace):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner_of(workspace))

    path = url(workspace, "accounts_pool", "midjourney")
    response = client.post(path, {"switch": "private", "on": "1"})

    workspace.refresh_from_db()
    assert (response.status_code, workspace.private_families) == (403, [])


def test_switch_of_a_neighbour_stays(workspace: Workspace, stranger: Client):
    response = flip(stranger, workspace, "midjourney", "private", "1")

    workspace.refresh_from_db()
    assert (response.status_code, workspace.private_families) == (404, [])


def test_admin_may_do_what_an_owner_may(workspace: Workspace):
    admin = browser(member(workspace, "admin"))

    flip(admin, workspace, "midjourney", "private", "1")

    workspace.refresh_from_db()
    assert workspace.private_families == ["midjourney"]
