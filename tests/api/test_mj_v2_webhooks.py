"""Webhooks of tasks that came in through /mj/v2: what fetch answers, acknowledged by 200 alone."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery
from apps.tasks.services import webhooks
from tests.api.conftest import Caller, caller_of
from tests.api.midjourney import completed, failed, grid, imagined, started, stored, v2
from tests.notifications.conftest import pass_time, pump, receiver
from tests.notifications.receiver import Receiver, status
from tests.tasks import rows

__all__ = ["pump", "receiver"]
pytestmark = pytest.mark.django_db
Pump = Callable[..., bool]


def told(receiver: Receiver) -> list[Any]:
    return [orjson.loads(body) for body in receiver.bodies()]


def fetched(task_id: str) -> Any:
    return v2(Caller(), "fetch", {"task_id": task_id}).json()


def test_receiver_hears_of_start_and_end_what_fetch_answers(
    api: Caller, receiver: Receiver, pump: Pump
):
    task_id = imagined(api, webhook_endpoint=receiver.url(), webhook_secret="s3cret")
    pump()
    assert told(receiver) == []

    claim = started(task_id)
    pump()
    running = fetched(task_id)
    completed(claim)
    pump()

    start, end = told(receiver)
    assert start == running
    assert end == fetched(task_id)
    assert (start["status"], end["status"]) == ("processing", "finished")
    assert {got.headers["x-webhook-secret"] for got in receiver.got} == {"s3cret"}


def test_receiver_hears_of_a_failure(api: Caller, receiver: Receiver, pump: Pump):
    task_id = imagined(api, webhook_endpoint=receiver.url())
    failed(task_id, "The picture broke.")
    pump()

    # The notice of its start was due at the same time, and either may overtake the other.
    (end,) = (one for one in told(receiver) if one["status"] == "failed")
    assert end == fetched(task_id)
    assert end["task_result"]["error"] == "The picture broke."


def test_receiver_hears_of_a_cancelled_task_as_failed(api: Caller, receiver: Receiver, pump: Pump):
    task_id = imagined(api, webhook_endpoint=receiver.url())
    api.call("DELETE", f"/api/v1/task/{task_id}")
    pump()

    assert [one["status"] for one in told(receiver)] == ["failed"]


@pytest.mark.parametrize(
    ("code", "state"), [(200, "DELIVERED"), (204, "WAITING"), (202, "WAITING"), (500, "WAITING")]
)
def test_200_alone_acknowledges(api: Caller, receiver: Receiver, pump: Pump, code: int, state: str):
    receiver.answers["/hook"] = status(code)
    task_id = imagined(api, webhook_endpoint=receiver.url())
    api.call("DELETE", f"/api/v1/task/{task_id}")

    pump()
    pass_time(5)
    pump()

    assert len(receiver.got) == (1 if state == "DELIVERED" else 2)
    assert len(set(receiver.bodies())) == 1
    assert Delivery.objects.across_workspaces().get().state == state


def test_unified_task_is_told_in_its_own_shape(api: Caller, receiver: Receiver, pump: Pump):
    receiver.answers["/hook"] = status(204)
    body = {
        "model": "midjourney",
        "task_type": "imagine",
        "input": {"prompt": "a cat"},
        "config": {"webhook_config": {"endpoint": receiver.url(), "progress": False}},
    }
    task_id = api.post("/api/v1/task", body).json()["data"]["task_id"]
    api.call("DELETE", f"/api/v1/task/{task_id}")

    pump()
    pass_time(5)
    pump()

    assert [set(one) for one in told(receiver)] == [{"timestamp", "data"}] * 2
    assert {one["data"]["status"] for one in told(receiver)} == {"pending", "cancelled"}


@pytest.mark.parametrize(("asks", "progress"), [(True, 40), (False, 0)])
def test_progress_is_told_to_those_who_asked(
    workspace: Workspace, receiver: Receiver, pump: Pump, asks: bool, progress: int
):
    rows.plan(workspace, plan="premium")
    task_id = imagined(caller_of(workspace), webhook_endpoint=receiver.url(), notify_progress=asks)
    # What the claim announces is the row as it is then.
    rows.change(stored(task_id), output=grid(task_id))
    started(task_id)
    pump()

    [start] = told(receiver)
    assert start["status"] == "processing"
    rows.change(stored(task_id), progress=40)
    assert fetched(task_id)["task_result"]["task_progress"] == 40
    body = orjson.loads(_body(task_id))
    assert body["task_result"]["task_progress"] == progress


def _body(task_id: str) -> bytes:
    """What would be sent now, while it runs."""
    task = stored(task_id)
    webhooks.announce([task], kind="processing")
    return Delivery.objects.of(task.workspace_id).latest("id").body.encode()
