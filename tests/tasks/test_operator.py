"""What an operator does to one task: the state it leaves, the money, the record; repeated, raced and cut short."""

import uuid
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import AuditEvent, User, Workspace
from apps.billing import selectors as billing
from apps.byoa.models import Account, SlotLease
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.notifications.models import Delivery
from apps.ops import audit
from apps.tasks.models import Attempt, FailureCode, Status, Task, TaskEvent
from apps.tasks.services import finish, operator
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.operator import NotPossible
from tests.byoa.threads import at_once
from tests.factories import UserFactory, WorkspaceFactory, claimed, completed, picture, task
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

WHY = "Ticket 4711: the picture was black."


@pytest.fixture
def staff() -> User:
    return UserFactory.create(is_staff=True)


@pytest.fixture
def pool(settings: Any) -> Account:
    settings.LOCAL_ENGINE = False
    return account()


def at_provider(workspace: Workspace, **request: Any) -> Task:
    """A task that an account works on."""
    made = picture(workspace, **request)
    dispatch()
    return again(made)


def again(made: Task) -> Task:
    return Task.objects.across_workspaces().get(id=made.id)


def balance(workspace: Workspace) -> tuple[int, int]:
    wallet = billing.wallet(workspace_id=workspace.pk)
    return wallet.available, wallet.held


def ledger(made: Task) -> list[tuple[str, int, int]]:
    lines = billing.entries_of(workspace_id=made.workspace_id, reference=made.reference)
    return [(line.kind, line.available_delta, line.held_delta) for line in lines]


def record(made: Task) -> list[tuple[str, int | None, dict[str, Any]]]:
    rows = AuditEvent.objects.of(made.workspace_id).filter(target=made.reference).order_by("id")
    return [(row.action, row.actor_id, row.detail) for row in rows]


def attempts(made: Task) -> list[tuple[int, str, bool]]:
    """(number, state, whether somebody is to act on it) of each."""
    rows = Attempt.objects.filter(task=made).order_by("number")
    return [(row.number, row.state, row.next_at is not None) for row in rows]


# ----------------------------------------------------------------------------------- retry
def test_retry_gives_up_the_attempt_and_the_task_is_dispatched_anew(
    workspace: Workspace, pool: Account, staff: User
):
    made = at_provider(workspace)

    operator.retry(task_id=made.id, actor=staff, reason=f" {WHY} ", attempt=1)

    waiting = again(made)
    assert (waiting.status, waiting.provider, waiting.attempt, waiting.started_at) == (
        Status.PENDING,
        "",
        2,
        None,
    )
    assert attempts(made) == [(1, "ABANDONED", True)]
    assert (SlotLease.objects.count(), balance(workspace)) == (0, (9_980_000, 20_000))
    assert record(made) == [("task.retried", staff.pk, {"reason": WHY, "attempt": 1})]

    assert dispatch() == 1
    assert attempts(made) == [(1, "ABANDONED", True), (3, "ASSIGNED", True)]
    kinds = TaskEvent.objects.filter(task=made).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["created", "processing", "pending", "processing"]
    assert audit.differences() == []


@pytest.mark.parametrize("is_dispatched", [False, True])
@pytest.mark.parametrize("late", [finish.Result({}), finish.Failure(FailureCode(11000), "No.")])
def test_what_the_given_up_attempt_still_brings_is_not_written(
    workspace: Workspace, pool: Account, staff: User, late: Any, is_dispatched: bool
):
    made = at_provider(workspace)
    operator.retry(task_id=made.id, actor=staff, reason=WHY)
    if is_dispatched:
        dispatch()
    before = again(made).status

    ended = finish.end_many([finish.Ending(made.id, late, attempt=1)])

    assert (ended, again(made).status) == (set(), before)
    assert balance(workspace) == (9_980_000, 20_000)
    assert audit.differences() == []


def test_retry_form_sent_twice_gives_up_one_attempt(
    workspace: Workspace, pool: Account, staff: User
):
    made = at_provider(workspace)
    operator.retry(task_id=made.id, actor=staff, reason=WHY, attempt=1)
    dispatch()

    with pytest.raises(NotPossible, match="moved on since this page was opened"):
        operator.retry(task_id=made.id, actor=staff, reason=WHY, attempt=1)

    assert [state for _, state, _ in attempts(made)] == ["ABANDONED", "ASSIGNED"]
    assert len(record(made)) == 1


def test_retry_of_a_waiting_task_has_it_tried_at_once(workspace: Workspace, pool: Account):
    made = picture(workspace)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_task SET wake_at = now() + interval '1 hour'")
    assert dispatch() == 0

    operator.retry(task_id=made.id, actor=None, reason=WHY)
    operator.retry(task_id=made.id, actor=None, reason=WHY)

    assert (dispatch(), again(made).status, again(made).attempt) == (1, Status.PROCESSING, 1)


def test_retry_takes_a_task_from_a_worker_of_the_local_engine(workspace: Workspace):
    claim = claimed(workspace)

    operator.retry(task_id=claim.task.id, actor=None, reason=WHY)

    # Nobody asks our own engine to stop: such an attempt must not be left to those who ask providers.
    assert attempts(claim.task) == [(1, "LOST", False)]
    assert (again(claim.task).status, again(claim.task).provider) == (Status.PENDING, "")
    assert not finish.complete(task_id=claim.task.id, attempt=1, result=finish.Result({}))
    assert audit.differences() == []


def test_retry_gives_the_time_anew_but_not_what_the_customer_set(
    workspace: Workspace, pool: Account
):
    ours, theirs = at_provider(workspace), at_provider(workspace, deadline_seconds=600)

    for made in (ours, theirs):
        operator.retry(task_id=made.id, actor=None, reason=WHY)

    assert (again(ours).deadline_at - ours.deadline_at).total_seconds() > 20 * 3600
    assert again(theirs).deadline_at == theirs.deadline_at


def test_staged_task_is_not_retried(settings: Any):
    workspace = WorkspaceFactory.create()
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=1)
    task(workspace)
    staged = task(workspace)

    with pytest.raises(NotPossible, match="behind other tasks of its own workspace"):
        operator.retry(task_id=staged.id, actor=None, reason=WHY)

    assert (again(staged).status, record(staged)) == (Status.STAGED, [])


# ------------------------------------------------------------------------------------ void
def test_void_ends_work_at_a_provider_free_of_charge(
    workspace: Workspace, pool: Account, staff: User
):
    made = at_provider(workspace, webhook_endpoint="https://customer.example.com/hook")

    operator.void(task_id=made.id, actor=staff, reason=WHY)

    ended = again(made)
    assert (ended.status, ended.error_code, ended.error_message) == (
        Status.FAILED,
        11006,
        "It was ended by the operator of this service. Nothing was charged.",
    )
    assert attempts(made) == [(1, "ABANDONED", True)]
    assert (SlotLease.objects.count(), balance(workspace)) == (0, (10_000_000, 0))
    assert ledger(made) == [("HOLD", -20_000, 20_000), ("RELEASE", 20_000, -20_000)]
    assert record(made) == [("task.voided", staff.pk, {"reason": WHY, "attempt": 1})]
    told = Delivery.objects.of(workspace.pk).latest("id")
    assert (told.kind, WHY in told.body) == ("task.failed", False)
    assert audit.differences() == []


@pytest.mark.parametrize("make", [task, lambda workspace: claimed(workspace).task])
def test_void_ends_what_waits_and_what_our_own_engine_does(workspace: Workspace, make: Any):
    made = make(workspace)

    operator.void(task_id=made.id, actor=None, reason=WHY)

    assert (again(made).status, balance(workspace)) == (Status.FAILED, (10_000_000, 0))
    assert [one for one in attempts(made) if one[1:] != ("LOST", False)] == []
    assert audit.differences() == []


def test_second_void_is_refused_and_moves_nothing(workspace: Workspace, staff: User):
    made = task(workspace)
    operator.void(task_id=made.id, actor=staff, reason=WHY)

    with pytest.raises(NotPossible, match="The task has ended: failed"):
        operator.void(task_id=made.id, actor=staff, reason=WHY)

    assert (balance(workspace), len(record(made))) == ((10_000_000, 0), 1)


@pytest.mark.parametrize("act", [operator.retry, operator.void])
def test_completed_task_is_neither_retried_nor_voided(workspace: Workspace, act: Any):
    made = completed(workspace)

    with pytest.raises(NotPossible, match=r"ended: completed. It cost \$0.001, which can be refu"):
        act(task_id=made.id, actor=None, reason=WHY)

    assert (ledger(made)[-1][0], record(made)) == ("CAPTURE", [])


# ---------------------------------------------------------------------------------- refund
def test_refund_gives_back_what_the_task_cost(workspace: Workspace, staff: User):
    made = completed(workspace)

    assert operator.refund(task_id=made.id, actor=staff, reason=WHY) == 10_000

    assert balance(workspace) == (10_000_000, 0)
    line = billing.entries_of(workspace_id=workspace.pk, reference=made.reference)[-1]
    assert (line.kind, line.available_delta, line.available_after, line.note, line.actor) == (
        "REFUND",
        10_000,
        10_000_000,
        WHY,
        staff,
    )
    assert again(made).status == Status.COMPLETED
    assert record(made) == [("task.refunded", staff.pk, {"reason": WHY, "points": 10_000})]
    assert not Delivery.objects.of(workspace.pk).exists()
    assert audit.differences() == []


def test_refund_happens_once(workspace: Workspace):
    made = completed(workspace)
    operator.refund(task_id=made.id, actor=None, reason=WHY, points=4_000)

    with pytest.raises(NotPossible, match="refunded once"):
        operator.refund(task_id=made.id, actor=None, reason=WHY, points=1)

    assert balance(workspace) == (9_994_000, 0)
    assert len(record(made)) == 1
    assert audit.differences() == []


@pytest.mark.parametrize("points", [10_001, 0, -1])
def test_refund_is_at_most_what_the_task_cost_and_not_nothing(workspace: Workspace, points: int):
    made = completed(workspace)

    with pytest.raises(InvalidRequest):
        operator.refund(task_id=made.id, actor=None, reason=WHY, points=points)

    assert (balance(workspace), record(made)) == ((9_990_000, 0), [])


def test_what_was_not_charged_is_not_refunded(workspace: Workspace):
    waiting, voided = task(workspace), task(workspace)
    operator.void(task_id=voided.id, actor=None, reason=WHY)

    for made in (waiting, voided):
        with pytest.raises(NotPossible, match="only a completed task was charged"):
            operator.refund(task_id=made.id, actor=None, reason=WHY)

    assert balance(workspace) == (9_990_000, 10_000)


def test_refund_leaves_the_neighbours_wallet(workspace: Workspace):
    neighbour = WorkspaceFactory.create()
    made = completed(workspace)

    operator.refund(task_id=made.id, actor=None, reason=WHY)

    assert balance(neighbour) == (10_000_000, 0)


# --------------------------------------------------------------------------------- any of them
ACTIONS = [operator.retry, operator.void, operator.refund]


@pytest.mark.parametrize("act", ACTIONS)
@pytest.mark.parametrize("reason", ["", "  \n"])
def test_nothing_is_done_without_a_reason(workspace: Workspace, act: Any, reason: str):
    with pytest.raises(InvalidRequest, match="Say why"):
        act(task_id=completed(workspace).id, actor=None, reason=reason)


@pytest.mark.parametrize("act", ACTIONS)
def test_task_that_does_not_exist(act: Any):
    with pytest.raises(NotFound):
        act(task_id=uuid.uuid4(), actor=None, reason=WHY)


# ------------------------------------------------------------------------ races, with real commits
concurrent = pytest.mark.django_db(transaction=True)


@concurrent
@pytest.mark.concurrency
def test_two_people_refund_at_once_and_one_refund_is_made():
    workspace = WorkspaceFactory.create()
    made = completed(workspace)

    refused = at_once(
        *[lambda: operator.refund(task_id=made.id, actor=None, reason=WHY)] * 4,
    )

    assert [type(error) for error in refused] == [NotPossible] * 3
    assert balance(workspace) == (10_000_000, 0)
    assert len(record(made)) == 1
    assert audit.differences() == []


@concurrent
@pytest.mark.concurrency
@pytest.mark.parametrize("turn", range(5))
def test_void_against_completion_has_one_winner(turn: int):
    workspace = WorkspaceFactory.create()
    claim = claimed(workspace)
    done = finish.Result({"image_url": "http://testserver/files/mj/1.png"})

    refused = at_once(
        lambda: operator.void(task_id=claim.task.id, actor=None, reason=WHY),
        lambda: finish.complete(task_id=claim.task.id, attempt=1, result=done),
    )

    status = again(claim.task).status
    is_voided = status == Status.FAILED
    assert [type(error) for error in refused] == ([] if is_voided else [NotPossible])
    assert balance(workspace) == ((10_000_000, 0) if is_voided else (9_990_000, 0))
    assert len(record(claim.task)) == int(is_voided)
    assert audit.differences() == []


@concurrent
@pytest.mark.concurrency
def test_retry_and_void_at_once_leave_one_story(settings: Any):
    settings.LOCAL_ENGINE = False
    account()
    workspace = WorkspaceFactory.create()
    made = at_provider(workspace)

    refused = at_once(
        lambda: operator.retry(task_id=made.id, actor=None, reason=WHY, attempt=1),
        lambda: operator.void(task_id=made.id, actor=None, reason=WHY),
    )

    # Void wins either way: it ends what waits again too.
    assert again(made).status == Status.FAILED
    assert {type(error) for error in refused} <= {NotPossible}
    assert attempts(made) == [(1, "ABANDONED", True)]
    assert balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


@concurrent
@pytest.mark.concurrency
@pytest.mark.parametrize("act", ACTIONS)
def test_process_that_dies_before_the_commit_has_changed_nothing(settings: Any, act: Any):
    settings.LOCAL_ENGINE = False
    account()
    workspace = WorkspaceFactory.create()
    made = completed(workspace) if act is operator.refund else at_provider(workspace)
    before = (again(made).status, attempts(made), balance(workspace), ledger(made))

    def die() -> None:
        connection.set_autocommit(False)
        act(task_id=made.id, actor=None, reason=WHY)
        # The connection goes as it does with its process: nobody says COMMIT, nobody says ROLLBACK.
        connection.connection.close()

    problems = at_once(die)

    assert [error for error in problems if isinstance(error, DomainError)] == []
    assert (again(made).status, attempts(made), balance(workspace), ledger(made)) == before
    assert record(made) == []
    assert audit.differences() == []

    act(task_id=made.id, actor=None, reason=WHY)
    assert len(record(made)) == 1
    assert audit.differences() == []
