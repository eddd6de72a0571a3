"""Finding tasks: each filter alone and with others, in pages that leave nothing out, of one workspace only."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import ApiKey, Workspace
from apps.tasks.models import FailureCode, Task
from apps.tasks.selectors import OPEN, Named, TaskSearch, everything, named, search, waiting
from apps.tasks.services import finish
from apps.tasks.services.create import create_task
from apps.tasks.services.finish import Failure
from apps.tasks.services.request import TaskRequest
from tests.factories import ILLUSTRATION, WorkspaceFactory, claimed, completed, identity, task
from tests.factories import owner_of as owner
from tests.tasks import rows

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 21, 12, tzinfo=UTC)


def _found(workspace: Workspace, **wanted: object) -> list[uuid.UUID]:
    page = search(workspace_id=workspace.pk, wanted=TaskSearch(**wanted), limit=50)  # type: ignore[arg-type]
    return rows.ids(list(page.items))


def _failed(workspace: Workspace, code: FailureCode = FailureCode.PROVIDER_FAILED) -> Task:
    claim = claimed(workspace)
    finish.fail(
        task_id=claim.task.id, attempt=claim.attempt, failure=Failure(code, "It broke.", "")
    )
    return rows.again(claim.task)


def _saying(workspace: Workspace, prompt: str) -> Task:
    return task(workspace, input={**ILLUSTRATION["input"], "prompt": prompt})


def test_status_may_be_all_that_has_not_ended(workspace: Workspace):
    waits, runs = task(workspace), claimed(workspace).task
    completed(workspace)
    task(WorkspaceFactory.create())

    assert _found(workspace, status=OPEN) == [runs.id, waits.id]
    assert _found(workspace, status=OPEN, model="kling") == []
    assert _found(workspace, status="processing") == [runs.id]


def test_words_must_all_stand_in_the_prompt_in_whatever_case(workspace: Workspace):
    both = _saying(workspace, "A Fox near the LAKE")
    _saying(workspace, "a fox")
    percent = _saying(workspace, "100 % wool, no_fox")
    _saying(WorkspaceFactory.create(), "a fox near the lake")

    assert _found(workspace, words=("lake", "fox")) == [both.id]
    assert _found(workspace, words=("%",)) == [percent.id]
    assert _found(workspace, words=("prompt",)) == []


def test_words_are_not_looked_for_in_other_fields(workspace: Workspace):
    task(workspace)

    assert _found(workspace, words=("256",)) == []


def test_error_key_member_pool_and_cost_narrow_the_list(workspace: Workspace):
    failed, done = _failed(workspace), completed(workspace)
    mine, private = task(workspace), task(workspace)
    person = owner(workspace)
    Task.objects.of(workspace.pk).update(api_key=None, created_by=None)
    key_id = identity(workspace).key_id
    rows.change(done, api_key_id=key_id)
    rows.change(mine, created_by=person)
    rows.change(private, service_mode="private", price_points=0)

    assert _found(workspace, error=FailureCode.PROVIDER_FAILED) == [failed.id]
    assert _found(workspace, error=FailureCode.PROVIDER_FAILED, status="completed") == []
    assert _found(workspace, error=FailureCode.PROVIDER_MODERATED) == []
    assert _found(workspace, key_id=key_id) == [done.id]
    assert _found(workspace, member_id=person.pk) == [mine.id]
    assert _found(workspace, pool="private") == [private.id]
    # What is held counts until the end, what was charged after it.
    assert _found(workspace, cost_from=1) == [mine.id, done.id]
    assert _found(workspace, cost_to=0) == [private.id, failed.id]
    assert _found(workspace, cost_from=10_000, cost_to=10_000, status="completed") == [done.id]


def test_member_has_also_what_a_key_of_theirs_made(workspace: Workspace):
    who = identity(workspace)
    by_key = create_task(identity=who, request=TaskRequest(**ILLUSTRATION)).task
    person = owner(workspace)
    ApiKey.objects.of(workspace.pk).filter(pk=who.key_id).update(created_by=person)

    assert _found(workspace, member_id=person.pk) == [by_key.id]


def test_times_are_half_open(workspace: Workspace):
    found = task(workspace)
    rows.change(found, created_at=NOON)

    assert _found(workspace, created_after=NOON, created_before=NOON + timedelta(seconds=1)) == [
        found.id
    ]
    assert _found(workspace, created_before=NOON) == []


@pytest.mark.parametrize("wanted", [TaskSearch(), TaskSearch(cost_from=1), TaskSearch(status=OPEN)])
def test_pages_hold_every_task_once_whatever_is_wanted(
    wanted: TaskSearch, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("apps.tasks.selectors.searching.MOST_LOOKED_AT", 3)
    made = [task(workspace) for _ in range(7)]
    Task.objects.of(workspace.pk).update(created_at=NOON)  # the id alone decides

    seen, after = [], None
    for _ in range(10):
        page = search(workspace_id=workspace.pk, wanted=wanted, limit=2, after=after)
        seen += rows.ids(list(page.items))
        after = page.next
        if after is None:
            break

    assert seen == sorted(rows.ids(made), reverse=True)


def test_page_that_looks_at_rows_stops_and_says_how_far_it_came(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries
):
    monkeypatch.setattr("apps.tasks.selectors.searching.MOST_READ", 2)
    oldest = _saying(workspace, "a lake")
    second, _ = task(workspace), task(workspace)
    wanted = TaskSearch(words=("lake",))

    with django_assert_num_queries(2):
        first = search(workspace_id=workspace.pk, wanted=wanted, limit=5)
    rest = search(workspace_id=workspace.pk, wanted=wanted, limit=5, after=first.next)

    assert (list(first.items), first.searched_to) == ([], second.created_at)
    assert (rows.ids(list(rest.items)), rest.next, rest.searched_to) == ([oldest.id], None, None)


def test_everything_reads_all_pieces(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("apps.tasks.selectors.searching._AT_ONCE", 2)
    made = [task(workspace) for _ in range(5)]
    task(WorkspaceFactory.create())

    found = list(everything(workspace_id=workspace.pk, wanted=TaskSearch()))

    assert rows.ids(found) == rows.ids(made)[::-1]


def test_waiting_is_what_could_be_cancelled_and_one_more_than_asked_for(workspace: Workspace):
    made = [task(workspace) for _ in range(4)]
    claimed(workspace)
    task(WorkspaceFactory.create())

    few = waiting(workspace_id=workspace.pk, wanted=TaskSearch(), most=2)
    none = waiting(workspace_id=workspace.pk, wanted=TaskSearch(status="processing"), most=2)

    assert rows.ids(few) == rows.ids(made)[:0:-1]
    assert none == []


def test_task_is_found_by_whatever_names_it(workspace: Workspace):
    found = task(workspace, client_reference="order 7")
    keyed = task(workspace, idempotency_key="once-1", fingerprint=b"f" * 32)
    foreign = task(WorkspaceFactory.create(), client_reference="theirs")

    answers = [
        named(workspace_id=workspace.pk, text=text)
        for text in (
            str(found.id),
            found.id.hex.upper(),
            found.id.hex[:8],
            "order 7",
            "once-1",
            str(foreign.id),
            "theirs",
            "a fox",
            "",
        )
    ]

    assert answers == [*[Named(found.id)] * 4, Named(keyed.id), None, None, None, None]


def test_reference_that_several_tasks_carry_is_a_filter(workspace: Workspace):
    made = [task(workspace, client_reference="batch") for _ in range(2)]

    assert named(workspace_id=workspace.pk, text="batch") == Named(client_reference="batch")
    assert _found(workspace, client_reference="batch") == rows.ids(made)[::-1]
