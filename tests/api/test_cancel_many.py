"""Cancelling many tasks: each once, its hold back once, and nobody else's."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.api.v1 import families
from apps.billing.models import CreditEntry, Wallet
from apps.catalog import registry
from apps.tasks.models import FamilyLoad, Task
from apps.tasks.services import cancel as cancelling
from apps.tasks.services import claims
from tests.api.conftest import Caller
from tests.factories import ROUTE, WorkspaceFactory, claimed, completed, identity, task

pytestmark = pytest.mark.django_db
TASKS = "/api/v1/tasks"
EVER = "created_before=99999999999"
PRICE = 10_000


def cancel(api: Caller, query: str = f"{EVER}&model=all") -> dict[str, list[str]]:
    response = api.call("DELETE", f"{TASKS}?{query}")
    assert response.status_code == 200, response.content
    data: dict[str, list[str]] = response.json()["data"]
    assert set(data) == {"cancelled", "skipped"}
    return data


def ids(*tasks: Task) -> list[str]:
    return [str(one.id) for one in tasks]


def money(workspace: Workspace) -> tuple[int, int]:
    wallet = Wallet.objects.of(workspace.pk).get()
    return wallet.available, wallet.held


def test_what_waits_is_cancelled_and_what_runs_is_skipped(api: Caller, workspace: Workspace):
    waiting = [task(workspace), task(workspace)]
    running, done = claimed(workspace).task, completed(workspace)
    before = money(workspace)

    data = cancel(api)

    assert data == {"cancelled": ids(*waiting), "skipped": ids(running)}
    assert money(workspace) == (before[0] + 2 * PRICE, before[1] - 2 * PRICE)
    states = {one.id: one for one in Task.objects.of(workspace.pk)}
    assert [states[one.id].status for one in (*waiting, running, done)] == [
        "cancelled",
        "cancelled",
        "processing",
        "completed",
    ]
    assert {(states[one.id].error_code, states[one.id].cost_points) for one in waiting} == {
        (11004, 0)
    }


def test_repetition_finds_nothing_left(api: Caller, workspace: Workspace):
    one = task(workspace)
    assert cancel(api)["cancelled"] == ids(one)
    before = money(workspace)

    assert cancel(api) == {"cancelled": [], "skipped": []}
    assert money(workspace) == before


def test_only_what_was_created_before_then(api: Caller, workspace: Workspace):
    turn = datetime(2026, 1, 1, tzinfo=UTC)
    old, at_the_turn = task(workspace), task(workspace)
    Task.objects.of(workspace.pk).filter(id=old.id).update(created_at=turn.replace(year=2025))
    Task.objects.of(workspace.pk).filter(id=at_the_turn.id).update(created_at=turn)

    data = cancel(api, f"created_before={int(turn.timestamp())}&model=all")

    assert data == {"cancelled": ids(old), "skipped": []}


def test_only_the_family_asked_for(api: Caller, workspace: Workspace):
    made_for = task(workspace)
    # Nothing of that family can be created here, so one becomes one, with its place in the load.
    Task.objects.of(workspace.pk).update(family="midjourney")
    FamilyLoad.objects.of(workspace.pk).update(family="midjourney")
    other = task(workspace)

    assert cancel(api, f"{EVER}&model=kling") == {"cancelled": [], "skipped": []}
    assert cancel(api, f"{EVER}&model=mj") == {"cancelled": ids(made_for), "skipped": []}
    assert cancel(api, f"{EVER}&model=local") == {"cancelled": ids(other), "skipped": []}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("all", None),
        ("kling", {"kling"}),
        ("midjourney", {"midjourney"}),
        ("mj", {"midjourney"}),
        ("suno", {"suno"}),
        ("music-s", {"suno"}),
        ("music-u", {"udio"}),
        ("luma", {"luma"}),
        ("diffrythm", {"diffrhythm"}),
        ("diffrhythm", {"diffrhythm"}),
        ("wan", {"wan", "wanx"}),
        ("wanx", {"wanx"}),
        *((family, {family}) for family in sorted(registry.families())),
    ],
)
def test_families_go_by_all_their_names(name: str, found: set[str] | None):
    assert families.families_of(name, field="model") == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "created_before"),
        ("model=all", "created_before"),
        ("created_before=&model=all", "created_before"),
        ("created_before=x&model=all", "created_before"),
        ("created_before=-1&model=all", "created_before"),
        ("created_before=1.5&model=all", "created_before"),
        (EVER, "model"),
        (f"{EVER}&model=", "model"),
        (f"{EVER}&model=ALL", "model"),
        (f"{EVER}&model=no-such", "model"),
        (f"{EVER}&model=%00", "model"),
        (f"{EVER}&model=kling,luma", "model"),
    ],
)
def test_parameter_missing_or_wrong_cancels_nothing(
    api: Caller, workspace: Workspace, query: str, field: str
):
    one = task(workspace)

    response = api.call("DELETE", f"{TASKS}?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["detail"] == {"field": field}
    assert Task.objects.of(workspace.pk).get(id=one.id).status == "pending"


def test_neighbours_tasks_stay(api: Caller, workspace: Workspace):
    neighbour = WorkspaceFactory.create()
    theirs, mine = task(neighbour), task(workspace)
    before = money(neighbour)

    assert cancel(api) == {"cancelled": ids(mine), "skipped": []}
    assert money(neighbour) == before
    assert Task.objects.of(neighbour.pk).get(id=theirs.id).status == "pending"


def test_staged_tasks_go_and_the_freed_places_start_none_of_them():
    workspace = WorkspaceFactory.create(plan="hobbyist")
    made = [task(workspace) for _ in range(5)]
    assert Counter(Task.objects.of(workspace.pk).values_list("status", flat=True)) == {
        "pending": 2,
        "staged": 3,
    }

    done = cancelling.cancel_many(
        identity=identity(workspace), created_before=datetime(2100, 1, 1, tzinfo=UTC)
    )

    assert (done.cancelled, done.skipped) == ([one.id for one in made], [])
    load = FamilyLoad.objects.of(workspace.pk).get()
    assert (load.active, load.staged) == (0, 0)
    assert money(workspace) == (10_000_000, 0)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_race_with_workers_and_a_second_cancel_ends_each_task_once():
    workspace = WorkspaceFactory.create(plan="premium")
    made = [task(workspace) for _ in range(30)]
    caller, start = identity(workspace), threading.Barrier(4)
    cancelled: list[Any] = []

    def cancel_all() -> None:
        done = cancelling.cancel_many(
            identity=caller, created_before=datetime(2100, 1, 1, tzinfo=UTC)
        )
        cancelled.extend(done.cancelled)

    def claim_all(tasks: list[Task]) -> None:
        for one in tasks:
            claims.claim(task_id=one.id, route=ROUTE, worker="test")

    def run(work: Callable[..., None], *arguments: Any) -> None:
        try:
            start.wait()
            work(*arguments)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=arguments)
        for arguments in (
            (cancel_all,),
            (cancel_all,),
            (claim_all, made[:15]),
            (claim_all, made[:14:-1]),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    by_status: dict[str, set[Any]] = {"cancelled": set(), "processing": set()}
    for one in Task.objects.of(workspace.pk):
        by_status[one.status].add(one.id)
    assert sorted(cancelled) == sorted(by_status["cancelled"])
    running = len(by_status["processing"])
    assert money(workspace) == (10_000_000 - running * PRICE, running * PRICE)
    released = CreditEntry.objects.of(workspace.pk).filter(kind=CreditEntry.Kind.RELEASE)
    assert released.count() == 30 - running
