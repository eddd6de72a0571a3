"""The pages of the bell and of its settings."""

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core import sealing
from apps.notifications import selectors
from apps.notifications.events import EVENTS, Channel
from apps.notifications.models import AccountHook, Delivery, Notice
from apps.notifications.services import account_events, hooks
from tests.factories import WorkspaceFactory, owner_of

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/account?token=seen-by-admins"


def _tell(workspace: Workspace, n: int = 1, **changes: Any) -> None:
    account_events.tell(
        **{
            "workspace_id": workspace.pk,
            "type": "account_unavailable",
            "message": f"Account <b>{n}</b> does not answer.",
            "detail": {"account_id": n},
            "key": f"away:{n}",
            "url": f"/w/{workspace.slug}/accounts/{n}",
            **changes,
        }
    )


def _path(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/notifications{rest}"


def _page(client: Client, workspace: Workspace, rest: str = "") -> str:
    return client.get(_path(workspace, rest)).content.decode()


def _hook(workspace: Workspace, url: str = URL) -> str:
    return hooks.set_hook(workspace_id=workspace.pk, url=url, actor=owner_of(workspace))


def _ended(workspace: Workspace) -> Delivery:
    """A delivery that was given up."""
    row = Delivery.objects.of(workspace.pk).latest("id")
    Delivery.objects.of(workspace.pk).filter(pk=row.pk).update(
        state="FAILED",
        attempts=1,
        next_attempt_at=None,
        ended_at=timezone.now(),
        log=[{"at": "2026-01-01T00:00:00.000Z", "status": 418, "error": "<i>Tea</i>", "ms": 7}],
    )
    return row


def _count(html: str) -> str:
    found = re.search(r'class="menu-count">(\S+?)<', html)
    return found.group(1) if found else ""


def test_empty_page_says_what_will_appear(workspace: Workspace, viewer: Client) -> None:
    html = _page(viewer, workspace)

    assert "Nothing happened yet." in html
    assert "Mark all read" not in html
    assert _count(html) == ""


def test_page_shows_newest_first_what_happened_and_where(
    workspace: Workspace, viewer: Client
) -> None:
    for n in (1, 2):
        _tell(workspace, n)
    _tell(WorkspaceFactory.create(), 3)

    html = _page(viewer, workspace)

    assert re.findall(r"Account &lt;b&gt;(\d)&lt;/b&gt; does not answer", html) == ["2", "1"]
    assert re.findall(rf'href="/w/{workspace.slug}/accounts/(\d)"', html) == ["2", "1"]
    assert EVENTS["account_unavailable"].title in html
    assert _count(html) == "2"


def test_marking_read_counts_for_the_person_alone(
    workspace: Workspace, owner: Client, viewer: Client
) -> None:
    for n in (1, 2):
        _tell(workspace, n)
    upto = Notice.objects.of(workspace.pk).latest("id").pk
    _tell(workspace, 3)

    answer = viewer.post(_path(workspace, "/read"), {"upto": upto})

    assert (answer.status_code, answer.url) == (302, _path(workspace))
    assert (_count(_page(viewer, workspace)), _count(_page(owner, workspace))) == ("1", "3")


@pytest.mark.parametrize("upto", ["", "x", "0", "-1", "9" * 30, "9223372036854775808", "²"])
def test_odd_marks_change_nothing(workspace: Workspace, owner: Client, upto: str) -> None:
    _tell(workspace)

    answers = [
        owner.post(_path(workspace, "/read"), {"upto": upto}),
        owner.get(_path(workspace), {"after": upto}),
        owner.get(_path(workspace, "/settings"), {"before": upto}),
    ]

    assert [answer.status_code for answer in answers] == [302, 200, 200]
    assert _count(_page(owner, workspace)) == "1"


def test_very_many_are_counted_to_a_hundred_and_come_in_pages(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    for n in range(101):
        _tell(workspace, n)
    _page(owner, workspace)  # the session remembers the workspace

    with django_assert_max_num_queries(12):
        html = _page(owner, workspace)

    assert (_count(html), html.count("does not answer")) == ("100+", 50)
    older = re.search(r'href="([^"]+after=\d+)"', html)
    assert older is not None
    assert "Account &lt;b&gt;50&lt;/b&gt;" in owner.get(older.group(1)).content.decode()


def test_bell_is_in_the_menu_of_every_page(workspace: Workspace, billing: Client) -> None:
    _tell(workspace)

    assert _count(billing.get(f"/w/{workspace.slug}/tasks").content.decode()) == "1"


def test_first_address_shows_its_secret_once(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_path(workspace, "/hook"), {"url": URL})

    secret = answer.context["secret"]
    hook = AccountHook.objects.of(workspace.pk).get()
    assert sealing.unseal(hook.secret, bound_to=hook.sealed_to) == secret
    assert answer.content.decode().count(secret) == 1
    assert answer.headers["Cache-Control"] == "no-store"
    later = _page(owner, workspace, "/settings")
    assert (secret in later, URL in later) == (False, True)


def test_later_address_keeps_the_secret(workspace: Workspace, owner: Client) -> None:
    _hook(workspace)

    answer = owner.post(_path(workspace, "/hook"), {"url": " https://other.example.com/ "})

    workspace.refresh_from_db()
    assert (answer.status_code, answer.url) == (302, _path(workspace, "/settings"))
    assert workspace.notification_hook_url == "https://other.example.com/"


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "gopher://x", "https://e.org:22/", "a\0b"])
def test_refused_address_is_explained_beside_the_field(
    workspace: Workspace, owner: Client, url: str
) -> None:
    answer = owner.post(_path(workspace, "/hook"), {"url": url})

    workspace.refresh_from_db()
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["url"])
    assert "url:" not in str(answer.context["form"].errors)
    assert workspace.notification_hook_url == ""


def test_changed_secret_is_shown_once_and_says_how_long_both_hold(
    workspace: Workspace, owner: Client
) -> None:
    first = _hook(workspace)

    answer = owner.post(_path(workspace, "/secret"))

    html = answer.content.decode()
    assert answer.context["secret"] != first
    assert (first in html, answer.headers["Cache-Control"]) == (False, "no-store")
    assert "Events are signed with the old secret as well until" in html
    later = _page(owner, workspace, "/settings")
    assert "The one before it signs as well until" in later
    assert answer.context["secret"] not in later


def test_test_event_needs_an_address_and_shows_in_the_log(
    workspace: Workspace, owner: Client
) -> None:
    without = owner.post(_path(workspace, "/test"), follow=True).content.decode()
    _hook(workspace)
    sent = owner.post(_path(workspace, "/test"), follow=True).content.decode()

    assert "Save an address first." in without
    assert "A test event is on its way." in sent
    assert Delivery.objects.of(workspace.pk).get().kind == "test"


def test_log_shows_state_and_answer_and_its_button_sends_again(
    workspace: Workspace, owner: Client
) -> None:
    _hook(workspace)
    _tell(workspace)
    row = _ended(workspace)

    html = _page(owner, workspace, "/settings")
    answer = owner.post(_path(workspace, f"/replay/{row.event_id}"))

    assert "account_unavailable" in html
    assert "418" in html
    assert "&lt;i&gt;Tea&lt;/i&gt;" in html
    assert f"/replay/{row.event_id}" in html
    assert (answer.status_code, answer.url) == (302, _path(workspace, "/settings"))
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("WAITING", 0)


def test_neighbours_delivery_does_not_exist(workspace: Workspace, owner: Client) -> None:
    theirs = WorkspaceFactory.create()
    _hook(theirs)
    _tell(theirs)
    row = _ended(theirs)

    html = _page(owner, workspace, "/settings")
    answers = [
        owner.post(_path(workspace, f"/replay/{event_id}")).status_code
        for event_id in (row.event_id, uuid.uuid4())
    ]

    assert (answers, str(row.event_id) in html) == ([404, 404], False)
    row.refresh_from_db()
    assert row.state == "FAILED"


def test_log_goes_on_where_it_ended(workspace: Workspace, owner: Client) -> None:
    _hook(workspace)
    for n in range(25):
        _tell(workspace, n)

    first = _page(owner, workspace, "/settings")
    older = re.search(r"\?before=(\d+)", first)
    assert older is not None
    second = _page(owner, workspace, f"/settings?before={older.group(1)}")

    rows = '<td class="cell-title">'
    assert (first.count(rows), second.count(rows)) == (20, 5)


def test_table_keeps_what_is_ticked(workspace: Workspace, owner: Client) -> None:
    ticked = {f"{name}.{channel}": "on" for name in EVENTS for channel in ("email", "bell")}
    del ticked["no_active_mj_bot.bell"]

    answer = owner.post(_path(workspace, "/preferences"), {"event": list(EVENTS), **ticked})

    assert (answer.status_code, answer.url) == (302, _path(workspace, "/settings"))
    found = {
        one.event.type: one.channels for one in selectors.preferences(workspace_id=workspace.pk)
    }
    usual = {Channel.EMAIL, Channel.BELL}
    assert found == {**dict.fromkeys(EVENTS, usual), "no_active_mj_bot": {Channel.EMAIL}}
    html = _page(owner, workspace, "/settings")
    boxes = re.findall(r'name="(\w+\.\w+)"\s+(checked)?', html)
    assert {name for name, is_on in boxes if is_on} == set(ticked)
    assert len(boxes) == len(EVENTS) * len(Channel)


def test_event_that_was_not_on_the_page_is_left_alone(workspace: Workspace, owner: Client) -> None:
    before = selectors.preferences(workspace_id=workspace.pk)

    owner.post(_path(workspace, "/preferences"), {"event": ["seat_ended", "later_than_this"]})

    found = selectors.preferences(workspace_id=workspace.pk)
    assert [one.event.type for one in found if one not in before] == ["seat_ended"]


def test_hobbyist_reads_what_the_plan_lacks(workspace: Workspace, owner: Client) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    html = _page(owner, workspace, "/settings")
    answer = owner.post(_path(workspace, "/hook"), {"url": URL})

    assert "Account events by webhook come with the Developer plan." in html
    assert f'href="/w/{workspace.slug}/billing/plans"' in html
    assert "Save address" not in html
    assert answer.status_code == 422
    workspace.refresh_from_db()
    assert workspace.notification_hook_url == ""


def test_who_went_back_to_hobbyist_can_remove_the_address(
    workspace: Workspace, owner: Client
) -> None:
    _hook(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")
    html = _page(owner, workspace, "/settings")

    owner.post(_path(workspace, "/hook"), {"url": ""})

    assert "Remove address" in html
    workspace.refresh_from_db()
    assert workspace.notification_hook_url == ""


@pytest.mark.parametrize("person", ["developer", "viewer", "billing"])
def test_who_may_not_change_sees_neither_the_whole_address_nor_buttons(
    workspace: Workspace, person: str, request: pytest.FixtureRequest
) -> None:
    _hook(workspace)
    _tell(workspace)
    _ended(workspace)
    client: Client = request.getfixturevalue(person)

    html = _page(client, workspace, "/settings")

    assert "hooks.example.com" in html
    assert "seen-by-admins" not in html
    main = html.partition("<main")[2]
    assert "<button" not in main
    assert main.count("disabled") == len(EVENTS) * len(Channel)


@pytest.mark.parametrize("page", ["/hook", "/secret", "/test", "/preferences", "/read"])
def test_pages_that_change_something_cannot_be_opened(
    workspace: Workspace, owner: Client, page: str
) -> None:
    assert owner.get(_path(workspace, page)).status_code == 405


def test_settings_cost_the_same_however_many_deliveries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    _hook(workspace)
    _page(owner, workspace, "/settings")
    counts = []
    for n in range(2):
        _tell(workspace, n)
        with django_assert_max_num_queries(12) as queries:
            _page(owner, workspace, "/settings")
        counts.append(len(queries))

    assert counts[0] == counts[1]
