"""The pages of webhook endpoints."""

import html
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core import throttling
from apps.dashboard.views.webhooks import detail, words
from apps.notifications.models import Delivery, Endpoint, ReplayRun
from apps.notifications.selectors.listening import Hour
from apps.notifications.services import endpoints, replay_runs
from tests.factories import WorkspaceFactory, task
from tests.notifications.account.helpers import tell
from tests.notifications.endpoints.helpers import TASKS, URL, at, listening
from tests.notifications.receiver import Receiver, receiving, status

pytestmark = pytest.mark.django_db
NOBODY = uuid.UUID(int=7)


@pytest.fixture
def hook_receiver(settings: Any) -> Iterator[Receiver]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with receiving() as found:
        yield found


@pytest.fixture
def shop(workspace: Workspace) -> Endpoint:
    return listening(workspace, events=("mj_bot_banned", *TASKS))[0]


def _path(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/webhooks{rest}"


def _page(client: Client, workspace: Workspace, rest: str = "") -> str:
    answer = client.get(_path(workspace, rest))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def _ended(workspace: Workspace, code: int | None = 500, state: str = "FAILED") -> Delivery:
    tell(workspace, key=str(uuid.uuid4()))
    row = Delivery.objects.of(workspace.pk).latest("id")
    Delivery.objects.of(workspace.pk).filter(pk=row.pk).update(
        state=state,
        attempts=1,
        next_attempt_at=None,
        ended_at=timezone.now(),
        log=[{"at": "2026-01-01T00:00:00.000Z", "status": code, "error": "<i>Tea</i>", "ms": 7}],
        answers=[{"headers": {"server": "<b>x</b>"}, "body": "<script>alert(1)</script>"}],
    )
    row.refresh_from_db()
    return row


def test_empty_list_says_what_an_endpoint_is_for(workspace: Workspace, developer: Client) -> None:
    page = _page(developer, workspace)

    assert "No endpoints yet." in page
    assert page.count(_path(workspace, "/new")) == 1


def test_list_shows_state_and_hours_of_ones_own(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    _ended(workspace)
    _ended(workspace, 200, "DELIVERED")
    theirs, _ = listening(WorkspaceFactory.create(), "https://theirs.example.com/")

    page = _page(owner, workspace)

    assert "24 hours: 1 delivered, 1 not delivered." in page
    assert "Events are sent as they come up." in page
    assert str(theirs.pk) not in page
    assert "theirs.example.com" not in page
    assert "token=ours" not in page
    assert "1 of 5 endpoints" in page


def test_adding_shows_the_secret_once_and_never_again(workspace: Workspace, owner: Client) -> None:
    given = {"url": URL, "description": "Shop <b>", "task_events": ["task.failed"]}

    answer = owner.post(_path(workspace, "/new"), given)

    made = Endpoint.objects.of(workspace.pk).get()
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{40,}", html.unescape(answer.content.decode()))
    assert secret
    assert answer.headers["Cache-Control"] == "no-store"
    assert made.events == ["task.failed"]
    pages = [_page(owner, workspace), _page(owner, workspace, f"/{made.pk}")]
    assert all(secret.group() not in page for page in pages)
    assert b"Shop <b>" not in owner.get(_path(workspace)).content


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ""},
        {"url": "http://127.0.0.1/"},
        {"url": "https://e.example/\0"},
        {"task_events": []},
        {"task_events": ["task.exploded"]},
        {"description": "a" * 101},
    ],
)
def test_what_cannot_be_comes_back_with_the_input(
    workspace: Workspace, owner: Client, wrong: dict[str, Any]
) -> None:
    given = {"url": URL, "description": "Mine", "task_events": ["task.failed"], **wrong}

    answer = owner.post(_path(workspace, "/new"), given)

    assert answer.status_code == 422
    assert not Endpoint.objects.of(workspace.pk).exists()


def test_refusals_are_said_in_the_language_of_the_page(
    workspace: Workspace, owner: Client, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.core.sentences.gettext", lambda text: f"«{text}»")

    response = owner.post(_path(workspace, f"/{shop.pk}/edit"), {"url": URL, "description": ""})

    assert response.status_code == 422
    assert "«Choose at least one event.»" in response.content.decode()


def test_plan_is_named_where_it_ends(workspace: Workspace, owner: Client) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")
    given = {"url": URL, "task_events": ["task.failed"]}
    owner.post(_path(workspace, "/new"), given)

    answer = owner.post(_path(workspace, "/new"), given)

    assert answer.status_code == 422
    assert "Your plan includes 1 endpoint." in answer.content.decode()
    assert "1 of 1 endpoint of your plan" in _page(owner, workspace)


def test_editing_keeps_the_secret(workspace: Workspace, owner: Client, shop: Endpoint) -> None:
    before = shop.secret
    assert "token=ours" in _page(owner, workspace, f"/{shop.pk}/edit")

    given = {"url": "https://new.example.com/", "task_events": ["task.created"]}
    answer = owner.post(_path(workspace, f"/{shop.pk}/edit"), given)

    shop.refresh_from_db()
    assert (answer.status_code, shop.secret) == (302, before)
    assert (shop.url, shop.events) == ("https://new.example.com/", ["task.created"])


def test_rotation_shows_the_new_secret_and_offers_to_end_the_old(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    answer = owner.post(_path(workspace, f"/{shop.pk}/secret"))
    assert "whsec_" in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"
    assert "End the old secret now" in _page(owner, workspace, f"/{shop.pk}")

    assert owner.post(_path(workspace, f"/{shop.pk}/secret")).status_code == 302
    owner.post(_path(workspace, f"/{shop.pk}/overlap"))

    assert "Change the secret" in _page(owner, workspace, f"/{shop.pk}")


def test_pause_resume_and_delete(workspace: Workspace, owner: Client, shop: Endpoint) -> None:
    for act, state in (("pause", "PAUSED"), ("resume", "ACTIVE"), ("delete", "DELETED")):
        assert owner.post(_path(workspace, f"/{shop.pk}/{act}")).status_code == 302
        shop.refresh_from_db()
        assert shop.state == state

    assert owner.get(_path(workspace, f"/{shop.pk}")).status_code == 404


def test_test_event_leads_to_how_it_went(
    workspace: Workspace, owner: Client, hook_receiver: Receiver
) -> None:
    made, _ = listening(workspace, hook_receiver.url())
    hook_receiver.answers["/hook"] = status(503, b"asleep")

    answer = owner.post(_path(workspace, f"/{made.pk}/test"), follow=True)

    page = html.unescape(answer.content.decode())
    assert re.search(r"Test event: 503 in \d+ ms\.", page)
    assert "asleep" in page
    assert "What stands before the receiver cannot reach it" in page


def test_too_many_tests_say_so(
    workspace: Workspace, owner: Client, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = throttling.Allowance(10, 11, 60)
    monkeypatch.setattr(throttling, "count_try", lambda **_: over)

    answer = owner.post(_path(workspace, f"/{shop.pk}/test"), follow=True)

    assert "Try again in 60 s." in answer.content.decode()


def test_delivery_shows_the_wire_escaped_and_without_secrets(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    row = _ended(workspace, 401)

    raw = owner.get(_path(workspace, f"/{shop.pk}/d/{row.event_id}")).content.decode()

    page = html.unescape(raw)
    assert "<script>alert" not in raw
    assert "<script>alert(1)</script>" in page
    assert f"msg_{row.event_id.hex}" in page
    assert '"type": "mj_bot_banned"' in page
    assert "The receiver refuses the signature" in page
    assert "whsec_" not in page
    assert shop.secret not in page


def test_delivery_of_a_task_leads_to_it(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    made = task(workspace)
    row = Delivery.objects.of(workspace.pk).get(hook=shop)

    assert f"/tasks/{made.id}" in _page(owner, workspace, f"/{shop.pk}/d/{row.event_id}")


def test_replay_of_one_sends_it_again(workspace: Workspace, owner: Client, shop: Endpoint) -> None:
    row = _ended(workspace)

    owner.post(_path(workspace, f"/{shop.pk}/d/{row.event_id}/replay"))

    row.refresh_from_db()
    assert (row.state, row.is_replay) == ("WAITING", True)


def test_replay_counts_first_and_then_starts_once(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    for _ in range(3):
        _ended(workspace)
    page = _page(owner, workspace, f"/{shop.pk}/replay")
    assert "Replay 3 events" in page
    given = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))

    for _ in range(2):
        answer = owner.post(_path(workspace, f"/{shop.pk}/replay"), given)
        assert answer.status_code == 302
    replay_runs.advance()

    assert ReplayRun.objects.of(workspace.pk).get().total == 3
    assert Delivery.objects.of(workspace.pk).filter(state="WAITING").count() == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"upto": "x"},
        {"upto": "9" * 30},
        {"run": "1"},
        {"since": "yesterday"},
        {"until": "0001-01-01T00:00"},
        {"since": "9999-12-31T23:59", "until": "9999-12-31T23:59"},
    ],
)
def test_replay_with_bad_input_starts_nothing(
    workspace: Workspace, owner: Client, shop: Endpoint, wrong: dict[str, str]
) -> None:
    row = _ended(workspace)
    good = {
        "since": "2020-01-01T00:00",
        "until": "2100-01-01T00:00",
        "upto": str(row.pk),
        "run": str(uuid.uuid4()),
    }

    answer = owner.post(_path(workspace, f"/{shop.pk}/replay"), {**good, **wrong} if wrong else {})
    asked = owner.get(_path(workspace, f"/{shop.pk}/replay"), {**good, **wrong} if wrong else {})

    assert answer.status_code == 422
    assert asked.status_code in (200, 422)
    assert not ReplayRun.objects.of(workspace.pk).exists()


def test_paused_endpoint_offers_to_resume_instead(
    workspace: Workspace, owner: Client, shop: Endpoint
) -> None:
    _ended(workspace)
    endpoints.pause(**at(workspace, shop))

    page = _page(owner, workspace, f"/{shop.pk}/replay")

    assert "The endpoint is paused." in page
    assert "Replay 1 event" not in page


def test_filters_find_what_they_say(workspace: Workspace, owner: Client, shop: Endpoint) -> None:
    made = task(workspace)
    of_task = Delivery.objects.of(workspace.pk).get(hook=shop)
    tea, none = _ended(workspace, 418), _ended(workspace, None)
    today = f"{timezone.now():%Y-%m-%d}"
    rows = {of_task, tea, none}

    def found(query: str) -> set[Delivery]:
        page = _page(owner, workspace, f"/{shop.pk}?{query}")
        return {row for row in rows if str(row.event_id) in page}

    assert found("") == found(f"on={today}") == found("state=&code=") == rows
    assert found("state=WAITING") == found(f"task={made.id}") == {of_task}
    assert found("event=mj_bot_banned") == {tea, none}
    assert found("code=418") == {tea}
    assert none in found("code=0")
    assert tea not in found("code=0")
    assert found("on=2020-01-01") == set()
    assert found("state=WRONG&event=%00&code=x&on=never&task=1&after=-1") == rows


def test_deliveries_page_by_page(
    workspace: Workspace, owner: Client, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "_PAGE", 2)
    rows = [_ended(workspace) for _ in range(3)]

    first = _page(owner, workspace, f"/{shop.pk}?code=500")
    older = re.search(r'href="[^"]*(\?code=500&after=\d+)"', first)
    assert older
    second = _page(owner, workspace, f"/{shop.pk}{older.group(1)}")

    assert [str(row.event_id) in first for row in rows] == [False, True, True]
    assert [str(row.event_id) in second for row in rows] == [True, False, False]


@pytest.mark.parametrize("count", [1, 3])
def test_pages_take_few_queries(
    workspace: Workspace,
    owner: Client,
    shop: Endpoint,
    django_assert_max_num_queries: Any,
    count: int,
) -> None:
    for n in range(count):
        row = _ended(workspace)
        listening(workspace, f"https://e{n}.example.com/", ("task.failed",))
    owner.get(_path(workspace))

    for rest in ("", f"/{shop.pk}", f"/{shop.pk}/d/{row.event_id}", f"/{shop.pk}/replay"):
        with django_assert_max_num_queries(12):
            owner.get(_path(workspace, rest))


GETS = ("", "/edit", "/delete", "/replay", "/d/{event}")
POSTS = (
    "/edit",
    "/delete",
    "/replay",
    "/secret",
    "/overlap",
    "/test",
    "/pause",
    "/resume",
    "/d/{event}/replay",
)


@pytest.mark.parametrize(
    ("method", "rest"), [*(("get", one) for one in GETS), *(("post", one) for one in POSTS)]
)
def test_neighbours_endpoint_and_delivery_do_not_exist(
    workspace: Workspace, owner: Client, shop: Endpoint, method: str, rest: str
) -> None:
    neighbour = WorkspaceFactory.create()
    theirs, _ = listening(neighbour)
    row = _ended(neighbour)
    before = Endpoint.objects.of(neighbour.pk).values().get()
    ask = getattr(owner, method)
    tail = rest.format(event=row.event_id)

    answers = [ask(_path(workspace, f"/{one}{tail}")) for one in (theirs.pk, NOBODY)]
    if "{event}" in rest:
        answers.append(ask(_path(workspace, f"/{shop.pk}{tail}")))

    assert {answer.status_code for answer in answers} == {404}
    assert Endpoint.objects.of(neighbour.pk).values().get() == before
    row.refresh_from_db()
    assert row.state == "FAILED"


def test_sentence_of_an_endpoint_that_fails_says_how_often_and_how(workspace: Workspace) -> None:
    made, _ = listening(workspace)
    made.failures, made.failing_status = 23, 502
    made.failing_since = made.told_for = timezone.now()

    told = words.sentence(made)

    assert (told.tone, told.word) == ("bad", "failing")
    assert told.text.startswith("Not acknowledged 23 times in a row (HTTP 502).")


def test_drawing_shows_one_failure_among_thousands() -> None:
    start = timezone.now()
    hours = [Hour(start + timedelta(hours=n)) for n in range(23)]

    drawn = words.spark([*hours, Hour(start, delivered=5000, failed=1)])

    bad = [bar for bar in drawn.bars if bar.tone == "bad"]
    assert [(bar.x, bar.height) for bar in bad] == [(92, 1.5)]
    assert words.spark(hours).bars == []


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (200, "", ""),
        (302, "Redirects are not followed.", "It leads to other.example."),
        (401, "Not acknowledged.", "signature"),
        (503, "Not acknowledged.", "overloaded"),
        (500, "Not acknowledged.", "logs"),
        (418, "Not acknowledged.", "any 2xx"),
        (None, "The URL's server cannot be reached.", "TLS certificate"),
        (None, "The URL's server did not answer in time.", "15 seconds"),
        (
            None,
            "The URL leads to an address that is not on the open internet.",
            "private address",
        ),
        (None, "Something new.", "Something new."),
    ],
)
def test_diagnosis_says_what_to_do(status: int | None, error: str, says: str) -> None:
    found = words.diagnosis(status, error, {"location": "https://other.example/x?t=1"})

    assert says in found
    assert (found == "") == (says == "")
