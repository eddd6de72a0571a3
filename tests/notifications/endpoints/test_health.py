"""How endpoints do, what is said of it, and trying one out."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import NotFound, RateLimited
from apps.notifications import jobs
from apps.notifications.models import Delivery, Endpoint, Notice
from apps.notifications.services import endpoint_tests, endpoints
from apps.notifications.services.replay import replay
from tests.factories import WorkspaceFactory
from tests.notifications.account.helpers import tell
from tests.notifications.conftest import pass_time
from tests.notifications.endpoints.helpers import Pump, at, listening, of
from tests.notifications.receiver import Receiver, status

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(workspace: Workspace, receiver: Receiver) -> Endpoint:
    return listening(workspace, receiver.url())[0]


@pytest.fixture
def happen(workspace: Workspace, pump: Pump) -> Callable[..., None]:
    """An event comes up and is tried once."""

    def happen(times: int = 1) -> None:
        for _ in range(times):
            tell(workspace, key=str(uuid.uuid4()))
            pump()

    return happen


def _said(workspace: Workspace) -> list[str]:
    rows = Notice.objects.of(workspace.pk).filter(type__startswith="webhook_")
    return list(rows.order_by("id").values_list("type", flat=True))


def _health(endpoint: Endpoint) -> tuple[int, bool, int | None]:
    endpoint.refresh_from_db()
    return endpoint.failures, endpoint.failing_since is not None, endpoint.failing_status


def test_failures_in_a_row_are_counted_until_a_success(
    shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    happen()
    assert _health(shop) == (0, False, None)

    receiver.answers["/hook"] = status(503)
    happen(2)
    assert _health(shop) == (2, True, 503)

    del receiver.answers["/hook"]
    happen()
    assert _health(shop)[:2] == (0, False)


def test_fifth_failure_is_told_once_and_so_is_the_recovery(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    receiver.answers["/hook"] = status(502)
    happen(4)
    jobs.endpoints()
    assert _said(workspace) == []

    happen()
    for _ in range(2):
        jobs.endpoints()
    happen()
    jobs.endpoints()
    assert _said(workspace) == ["webhook_failing"]
    notice = Notice.objects.of(workspace.pk).get(type="webhook_failing")
    assert "has failed 5 times in a row (HTTP 502)" in notice.message
    assert notice.url == f"/w/{workspace.slug}/webhooks/{shop.pk}"
    assert "token" not in notice.message

    del receiver.answers["/hook"]
    happen()
    for _ in range(2):
        jobs.endpoints()
    assert _said(workspace) == ["webhook_failing", "webhook_recovered"]


def test_ten_minutes_of_failing_are_told_though_there_were_few(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    receiver.answers["/hook"] = status(500)
    happen()
    Endpoint.objects.of(workspace.pk).update(failing_since=timezone.now() - timedelta(minutes=9))
    jobs.endpoints()
    assert _said(workspace) == []

    Endpoint.objects.of(workspace.pk).update(failing_since=timezone.now() - timedelta(minutes=11))
    jobs.endpoints()

    assert _said(workspace) == ["webhook_failing"]


def test_next_episode_is_told_again(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    for _ in range(2):
        receiver.answers["/hook"] = status(500)
        happen(5)
        jobs.endpoints()
        del receiver.answers["/hook"]
        happen()
        jobs.endpoints()

    assert _said(workspace) == ["webhook_failing", "webhook_recovered"] * 2


def test_recovery_that_nobody_looked_at_in_time_is_told_before_the_next_failure(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    receiver.answers["/hook"] = status(500)
    happen(5)
    jobs.endpoints()
    del receiver.answers["/hook"]
    happen()
    receiver.answers["/hook"] = status(500)
    happen(5)

    jobs.endpoints()

    assert _said(workspace) == ["webhook_failing", "webhook_recovered", "webhook_failing"]


def test_endpoint_that_fails_for_days_is_switched_off_and_told_of(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    receiver.answers["/hook"] = status(500)
    happen(5)
    jobs.endpoints()
    Endpoint.objects.of(workspace.pk).update(failing_since=timezone.now() - timedelta(days=6))

    for _ in range(2):
        jobs.endpoints()

    shop.refresh_from_db()
    assert (shop.state, shop.failures) == ("DISABLED", 0)
    assert _said(workspace)[-1] == "webhook_stopped"
    assert _said(workspace).count("webhook_stopped") == 1
    seen = len(receiver.got)
    happen()
    assert len(receiver.got) == seen


def test_endpoint_that_was_mended_is_not_switched_off_for_want_of_events(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    receiver.answers["/hook"] = status(500)
    happen(5)
    Endpoint.objects.of(workspace.pk).update(failing_since=timezone.now() - timedelta(days=6))
    del receiver.answers["/hook"]
    endpoint_tests.send_test(workspace_id=workspace.pk, endpoint_id=shop.pk)

    jobs.endpoints()

    shop.refresh_from_db()
    assert (shop.state, _said(workspace)) == ("ACTIVE", ["webhook_failing"])


def test_test_event_of_a_process_that_died_is_sent_by_the_pump(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, pump: Pump
) -> None:
    endpoint_tests._claimed(workspace.pk, shop.pk)

    pump()
    assert receiver.got == []
    pass_time(31)
    pump()

    assert [row.state for row in of(shop)] == ["DELIVERED"]


def test_410_and_replays_say_nothing_of_the_endpoint(
    workspace: Workspace,
    shop: Endpoint,
    receiver: Receiver,
    happen: Callable[..., None],
    pump: Pump,
) -> None:
    receiver.answers["/hook"] = status(410)
    happen()
    assert _health(shop) == (0, False, None)

    receiver.answers["/hook"] = status(500)
    replay(workspace_id=workspace.pk, event_id=of(shop)[0].event_id)
    pump()
    pass_time(60)
    pump()

    assert _health(shop) == (0, False, None)
    assert [one["status"] for one in of(shop)[0].log] == [410, 500, 500]


def test_neighbour_is_not_told(
    shop: Endpoint, receiver: Receiver, happen: Callable[..., None]
) -> None:
    neighbour = WorkspaceFactory.create()
    listening(neighbour)
    receiver.answers["/hook"] = status(500)

    happen(5)
    jobs.endpoints()

    assert _said(neighbour) == []


@pytest.mark.parametrize(("code", "state"), [(200, "DELIVERED"), (500, "FAILED"), (410, "STOPPED")])
def test_test_event_says_at_once_how_it_went(
    workspace: Workspace, shop: Endpoint, receiver: Receiver, pump: Pump, code: int, state: str
) -> None:
    receiver.answers["/hook"] = status(code, b"hello")
    endpoints.pause(**at(workspace, shop))

    row = endpoint_tests.send_test(workspace_id=workspace.pk, endpoint_id=shop.pk)

    pump()
    (got,) = receiver.got
    assert got.headers["webhook-id"] == f"msg_{row.event_id.hex}"
    assert (row.state, row.kind, row.log[0]["status"]) == (state, "test", code)
    assert row.answers[0]["body"] == "hello"
    assert _health(shop) == (0, False, None)


def test_test_event_to_a_dead_address_says_so(workspace: Workspace, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    dead, _ = listening(workspace, "http://127.0.0.1:9/")

    row = endpoint_tests.send_test(workspace_id=workspace.pk, endpoint_id=dead.pk)

    assert (row.state, row.log[0]["status"]) == ("FAILED", None)
    assert row.log[0]["error"] == "The URL's server cannot be reached."


def test_test_event_to_a_private_address_is_not_sent(
    workspace: Workspace, receiver: Receiver, settings: Any
) -> None:
    made, _ = listening(workspace, receiver.url())
    settings.EGRESS_ALLOW = []

    row = endpoint_tests.send_test(workspace_id=workspace.pk, endpoint_id=made.pk)

    assert (row.state, receiver.got) == ("FAILED", [])


def test_test_events_are_few_a_minute_and_only_ones_own(
    workspace: Workspace, shop: Endpoint
) -> None:
    neighbour = WorkspaceFactory.create()
    with pytest.raises(NotFound):
        endpoint_tests.send_test(workspace_id=neighbour.pk, endpoint_id=shop.pk)

    refused = 0
    for _ in range(21):  # the minute of the clock may end in the middle
        try:
            endpoint_tests.send_test(workspace_id=workspace.pk, endpoint_id=shop.pk)
        except RateLimited:
            refused += 1
    assert refused

    assert Delivery.objects.of(workspace.pk).filter(hook=shop).count() == 21 - refused
