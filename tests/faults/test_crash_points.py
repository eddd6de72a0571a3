"""A process that dies at the worst moment: the next one brings every task to its one right end.

A process of its own does the work on the test's database and ends with `os._exit` where the test says. Then the
ordinary loop runs here, as it would in the process that is started in its place.
"""

import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.byoa.models import Account, SlotLease
from apps.core.tenancy import TenantManager
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.notifications.services import deliver as delivering
from apps.notifications.services.lanes import Lanes
from apps.ops import audit
from apps.tasks.models import FINAL, Attempt, Status, Task, TaskEvent
from apps.tasks.services import failover
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.factories import picture
from tests.factories.byoa import account
from tests.factories.own import bridge_account, private, set_account
from tests.faults import dying
from tests.faults.platform import PROJECT
from tests.tasks.own.helpers import midjourney
from tests.tasks.remote.conftest import due_now
from tests.upstream.running import Receiver, Upstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
_PRICE = 20_000
_ROUNDS = 4


@pytest.fixture(autouse=True)
def pool_account(settings: Any, workspace: Workspace, upstream: Upstream) -> Account:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False
    return account(base_url=upstream.url, config={"poll_seconds": 0.05})


def die_at(point: str, *arguments: object) -> None:
    """Have another process do a part of the work and die there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying", point, *map(str, arguments)],
        cwd=PROJECT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": _url_of_test_database(),
            "EGRESS_ALLOW": "127.0.0.0/8",
            "LOCAL_ENGINE": "false",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == dying.DIED, done.stdout + done.stderr
    cache.clear()  # the turn that the dead process had runs out by itself, after some seconds


def _url_of_test_database() -> str:
    given = os.environ["DATABASE_URL"]
    before, _, parameters = given.partition("?")
    name = connection.settings_dict["NAME"]
    return f"{before.rpartition('/')[0]}/{name}{'?' if parameters else ''}{parameters}"


def go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the processes that are left do, in the time after every lease has run out."""
    monkeypatch.setattr(delivering, "_lanes", Lanes())
    for _ in range(_ROUNDS):
        due_now()
        dispatch()
        Pump().run(seconds=10)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE notifications_delivery SET next_attempt_at = statement_timestamp() WHERE state = 'WAITING'"
            )
        delivering.deliver(linger_seconds=0)


def state_of_everything(upstream: Upstream, receiver: Receiver) -> dict[str, Any]:
    """What became of the one task that there is."""
    task = _rows(Task.objects).get()
    wallet = billing.wallet(workspace_id=task.workspace_id)
    events = TaskEvent.objects.filter(task=task).values_list("kind", flat=True)
    came = receiver.counts()["by_id"]
    told = _rows(Delivery.objects).order_by("id")
    return {
        "status": task.status,
        "ends": [kind for kind in events if kind in FINAL],
        "attempts": list(Attempt.objects.values_list("state", "cost_points")),
        "made at the provider": upstream.totals()["tasks"],
        "references": len(upstream.references()),
        "points spent and held": (10_000_000 - wallet.available, wallet.held),
        "files": _rows(StoredFile.objects).filter(key__in=_keys_in(task)).count(),
        "slots": SlotLease.objects.count(),
        "told": [(one.kind, one.state) for one in told],
        "not received": [one.kind for one in told if not came.get(f"msg_{one.event_id.hex}")],
        "audit": audit.differences(),
    }


def _rows(manager: TenantManager[Any]) -> Any:
    return manager.across_workspaces()


def _keys_in(task: Task) -> list[str]:
    return [task.output["image_url"].partition("/files/")[2]] if task.output else []


WELL = {
    "status": Status.COMPLETED,
    "ends": ["completed"],
    "attempts": [("SUCCEEDED", 5_000)],
    "made at the provider": 1,
    "references": 1,
    "points spent and held": (_PRICE, 0),
    "files": 1,
    "slots": 0,
    "told": [("task.created", "DELIVERED"), ("task.completed", "DELIVERED")],
    "not received": [],
    "audit": [],
}


def test_death_between_commit_and_message_of_a_new_task(
    workspace: Workspace, upstream: Upstream, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    die_at("created, not yet told anybody", workspace.pk, f"{receiver.url}/hook")
    assert _rows(Task.objects).get().status == Status.PENDING

    go_on(monkeypatch)

    assert state_of_everything(upstream, receiver) == WELL
    assert upstream.totals()["submits"] == 1


def test_death_between_commit_and_message_of_a_dispatch(
    workspace: Workspace, upstream: Upstream, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    picture(workspace, webhook_endpoint=f"{receiver.url}/hook")
    die_at("dispatched, not yet told anybody")
    assert Attempt.objects.get().state == Attempt.State.ASSIGNED

    go_on(monkeypatch)

    assert state_of_everything(upstream, receiver) == WELL
    assert upstream.totals()["submits"] == 1


@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("taken by the provider, not yet written", Attempt.State.SENDING),
        ("made by the provider, not yet fetched", Attempt.State.ACCEPTED),
        ("result stored, not yet finished", Attempt.State.ACCEPTED),
        ("ending, before its event", Attempt.State.ACCEPTED),
        ("ending, between event and money", Attempt.State.ACCEPTED),
        ("ending, between money and commit", Attempt.State.ACCEPTED),
    ],
)
def test_death_at_the_provider_worker(
    workspace: Workspace,
    upstream: Upstream,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    point: str,
    state: Attempt.State,
):
    picture(workspace, "[delay=0.2]", webhook_endpoint=f"{receiver.url}/hook")
    dispatch()
    die_at(point)
    assert Attempt.objects.get().state == state
    assert _rows(Task.objects).get().status == Status.PROCESSING

    go_on(monkeypatch)

    assert state_of_everything(upstream, receiver) == WELL
    # The provider was asked what it knows, and the work was not sent again.
    assert upstream.totals()["submits"] == 1


def test_death_between_delivery_and_its_record(
    workspace: Workspace, upstream: Upstream, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    picture(workspace, webhook_endpoint=f"{receiver.url}/hook")
    die_at("delivered, not yet written")
    [created] = _rows(Delivery.objects).all()
    assert (created.state, created.attempts) == (Delivery.State.WAITING, 0)

    go_on(monkeypatch)

    assert state_of_everything(upstream, receiver) == WELL
    assert Counter(receiver.counts()["by_id"])[f"msg_{created.event_id.hex}"] == 2


def test_death_in_the_middle_of_a_dispatch_to_own_accounts_takes_no_slot(
    workspace: Workspace, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    private(workspace)
    accounts = [bridge_account(workspace, n, **_at(upstream)) for n in "AB"]
    made = [midjourney(workspace) for _ in range(5)]
    die_at("dispatching, between slots and attempts")
    assert (SlotLease.objects.count(), Attempt.objects.count()) == (0, 0)
    assert {one.status for one in _rows(Task.objects).all()} == {Status.PENDING}

    go_on(monkeypatch)

    done = _rows(Task.objects).filter(id__in=[one.id for one in made], status=Status.COMPLETED)
    assert done.count() == 5
    ran = Attempt.objects.values_list("account_id", flat=True)
    assert Counter(ran).total() == 5
    assert set(ran) <= {one.pk for one in accounts}
    assert (SlotLease.objects.count(), upstream.totals()["submits"]) == (0, 5)
    assert audit.differences() == []


@pytest.mark.parametrize(
    "point", ["taken by the provider, not yet written", "ending, between money and commit"]
)
def test_death_at_an_own_account_charges_nothing_and_leaves_no_slot(
    workspace: Workspace, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, point: str
):
    private(workspace)
    bridge_account(workspace, **_at(upstream))
    made = midjourney(workspace)
    dispatch()
    die_at(point)

    go_on(monkeypatch)

    found = _rows(Task.objects).get(id=made.id)
    assert (found.status, found.cost_points) == (Status.COMPLETED, 0)
    assert (SlotLease.objects.count(), upstream.totals()["submits"]) == (0, 1)
    assert billing.wallet(workspace_id=workspace.pk).available == 10_000_000
    assert audit.differences() == []


def test_death_between_the_hold_and_the_commit_of_a_fail_over_holds_it_once(
    workspace: Workspace, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    private(workspace, failover=True)
    account = bridge_account(workspace, **_at(upstream))
    made = midjourney(workspace, process_mode="fast")
    set_account(account, is_paused=True)
    die_at("failing over, between money and commit")
    wallet = billing.wallet(workspace_id=workspace.pk)
    assert (wallet.available, wallet.held) == (10_000_000, 0)
    assert _rows(Task.objects).get().service_mode == "private"

    failover.look_after()
    go_on(monkeypatch)

    found = _rows(Task.objects).get(id=made.id)
    assert (found.status, found.failover_triggered, found.cost_points) == (
        "completed",
        True,
        700_000,
    )
    assert billing.wallet(workspace_id=workspace.pk).available == 10_000_000 - 700_000
    assert audit.differences() == []


def _at(upstream: Upstream) -> dict[str, Any]:
    return {"provider": "federation", "base_url": upstream.url, "config": {"poll_seconds": 0.05}}
