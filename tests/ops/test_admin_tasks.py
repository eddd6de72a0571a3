"""The operator's pages on tasks: what is found, what is shown, who may do what."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import AuditEvent, User, Workspace
from apps.billing import selectors as billing
from apps.ops import audit, task_story
from apps.ops.templatetags.operations import span
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services import operator as services
from apps.tasks.services.dispatch import dispatch
from tests.factories import UserFactory, WorkspaceFactory, completed, picture, task
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

LIST = "/ops/admin/tasks/task/"
WHY = "Ticket 4711"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def staff_with(client: Client, *permissions: str) -> Client:
    """The client as a member of staff who may do just that."""
    user = UserFactory.create(is_staff=True)
    for name in permissions:
        label, codename = name.split(".")
        found = Permission.objects.get(content_type__app_label=label, codename=codename)
        user.user_permissions.add(found)
    client.force_login(user)
    return client


def listed(client: Client, **query: str) -> set[str]:
    """The ids in the list."""
    response = client.get(LIST, query)
    assert response.status_code == 200
    return set(re.findall(rf'href="{LIST}([0-9a-f-]{{36}})/change/', response.content.decode()))


def page_of(made: Task) -> str:
    return reverse("admin:tasks_task_change", args=[made.id])


def act(client: Client, made: Task, name: str, **fields: Any) -> Any:
    form = {"reason": WHY, "attempt": made.attempt, "amount": "0.001", **fields}
    return client.post(reverse("admin:tasks_task_act", args=[made.id, name]), form)


def status(made: Task) -> str:
    return Task.objects.across_workspaces().get(id=made.id).status


# ------------------------------------------------------------------------------------ the list
def test_list_shows_what_is_under_way_and_ended_tasks_when_asked(
    operator: Client, workspace: Workspace
):
    waiting, done = task(workspace), completed(workspace)

    assert listed(operator) == {str(waiting.id)}
    assert listed(operator, status="completed") == {str(done.id)}
    assert listed(operator, status="failed") == set()
    assert listed(operator, family=waiting.family) == {str(waiting.id)}
    assert listed(operator, family="kling") == set()
    assert listed(operator, provider="federation") == set()


def test_search_finds_by_id_workspace_and_reference_whatever_became_of_it(operator: Client):
    mine, neighbour = WorkspaceFactory.create(), WorkspaceFactory.create()
    ours = task(mine, client_reference="order-17")
    theirs = task(neighbour, client_reference="order-17")
    done = completed(mine)

    assert listed(operator, q=str(done.id)) == {str(done.id)}
    assert listed(operator, q=f" {mine.slug} ") == {str(ours.id), str(done.id)}
    assert listed(operator, q="order-17") == {str(ours.id), str(theirs.id)}
    assert listed(operator, q=f"{mine.slug} order-17") == {str(ours.id)}
    assert listed(operator, q=mine.slug, status="completed") == {str(done.id)}
    assert listed(operator, q="order") == set()


def test_list_costs_the_same_however_many_tasks_there_are(
    operator: Client, workspace: Workspace, django_assert_max_num_queries: Any
):
    for _ in range(5):
        task(workspace)

    with django_assert_max_num_queries(10):
        assert len(listed(operator)) == 5


# ----------------------------------------------------------------------------------- one task
def test_page_tells_the_whole_story(operator: Client, workspace: Workspace):
    account(label="Next door")
    made = picture(workspace, webhook_endpoint="https://customer.example.com/hook?token=canary")
    dispatch()
    Attempt.objects.update(error="Their words", provider_id="their-77", cost_points=5_000)
    services.retry(task_id=made.id, actor=None, reason=WHY)
    services.void(task_id=made.id, actor=None, reason="No use")

    html = operator.get(page_of(made)).content.decode()

    expected = [
        "11006", "It was ended by the operator", "Next door (federation)", "Given up by an operator.", "their-77",
        "$0.0005", "Abandoned", "Hold", "Release", "task.retried by somebody: Ticket 4711",
        "task.voided by somebody: No use", "customer.example.com:443", "task.failed", "Waiting",
    ]  # fmt: skip
    assert [text for text in expected if text not in html] == []
    reference = Attempt.objects.get().reference or ""
    assert [text for text in ("canary", "a fox in a forest", reference) if text in html] == []


def test_story_is_in_the_order_of_time(workspace: Workspace):
    made = completed(workspace)
    services.refund(task_id=made.id, actor=None, reason=WHY)

    story = task_story.story(task=made)

    whens = [moment.at for moment in story.moments]
    assert whens == sorted(whens)
    assert [one.source for one in story.moments].count("ledger") == 3
    assert story.refundable_points == 0


def test_story_is_of_this_task_alone(workspace: Workspace):
    made = completed(workspace)
    before = task_story.story(task=made)
    other = completed(workspace)
    services.refund(task_id=other.id, actor=None, reason=WHY)

    assert task_story.story(task=made) == before


def test_only_what_makes_sense_is_offered(operator: Client, workspace: Workspace):
    def offered(made: Task) -> list[str]:
        return re.findall(r"/(\w+)/do/", operator.get(page_of(made)).content.decode())

    waiting, done, refunded = task(workspace), completed(workspace), completed(workspace)
    services.refund(task_id=refunded.id, actor=None, reason=WHY)

    assert offered(waiting) == ["retry", "void"]
    assert offered(done) == ["refund"]
    assert offered(refunded) == []


# ------------------------------------------------------------------------------------ actions
def test_operator_refunds_a_task_once(operator: Client, workspace: Workspace):
    made = completed(workspace)

    first, second = act(operator, made, "refund"), act(operator, made, "refund")

    assert (first.status_code, first["Location"]) == (302, page_of(made))
    assert (second.status_code, "refunded before" in second.content.decode()) == (200, True)
    assert billing.wallet(workspace_id=workspace.pk).available == 10_000_000
    event = AuditEvent.objects.of(workspace.pk).get(target=made.reference)
    assert (event.action, event.actor and event.actor.email, event.detail["reason"]) == (
        "task.refunded",
        "operator@example.com",
        WHY,
    )
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "0.0010001"}, "No more than what it cost can be refunded."),
        ({"amount": "0"}, "greater than or equal to 1E-7"),
        ({"amount": "all"}, "Enter a number."),
        ({"reason": " "}, "This field is required."),
    ],
)
def test_refund_that_is_refused_says_why(
    operator: Client, workspace: Workspace, fields: dict[str, str], said: str
):
    made = completed(workspace)

    response = act(operator, made, "refund", **fields)

    assert (response.status_code, said in response.content.decode()) == (200, True)
    assert billing.wallet(workspace_id=workspace.pk).available == 9_990_000


def test_operator_gives_back_a_part(operator: Client, workspace: Workspace):
    made = completed(workspace)

    act(operator, made, "refund", amount="0.0004")

    assert billing.wallet(workspace_id=workspace.pk).available == 9_994_000


def test_operator_voids_and_retries(operator: Client, workspace: Workspace):
    voided, retried = task(workspace), task(workspace)

    assert act(operator, voided, "void").status_code == 302
    assert act(operator, retried, "retry").status_code == 302
    again = act(operator, voided, "void")

    assert "The task has ended: failed." in again.content.decode()
    assert (status(voided), status(retried)) == (Status.FAILED, Status.PENDING)


def test_looking_changes_nothing(operator: Client, workspace: Workspace):
    made = task(workspace)

    for name in ("retry", "void"):
        assert (
            operator.get(reverse("admin:tasks_task_act", args=[made.id, name])).status_code == 200
        )

    assert status(made) == Status.PENDING
    assert not AuditEvent.objects.of(workspace.pk).filter(target=made.reference).exists()


def test_action_that_does_not_exist(operator: Client, workspace: Workspace):
    assert act(operator, task(workspace), "delete").status_code == 404


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ((), set()),
        (("tasks.view_task",), set()),
        (("tasks.change_task",), {"retry", "void"}),
        (("tasks.change_task", "billing.add_creditentry"), {"retry", "void", "refund"}),
    ],
)
def test_each_action_needs_its_permission(
    client: Client, workspace: Workspace, permissions: tuple[str, ...], allowed: set[str]
):
    made = {"retry": task(workspace), "void": task(workspace), "refund": completed(workspace)}
    staff = staff_with(client, "tasks.view_task", *permissions)

    statuses = {name: act(staff, one, name).status_code for name, one in made.items()}

    assert statuses == {name: 302 if name in allowed else 403 for name in made}


def test_tasks_are_not_edited_added_or_deleted_by_hand(operator: Client, workspace: Workspace):
    made = task(workspace)

    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{made.id}/delete/", {"post": "yes"}).status_code == 403
    operator.post(page_of(made), {"status": "completed", "cost_points": "0"})
    assert status(made) == Status.PENDING


# ----------------------------------------------------------------------------- pool and queues
def test_pool_page_shows_accounts_queues_and_money(operator: Client, workspace: Workspace):
    mine = account(label="Next door", slots=7, daily_cap=50)
    made = picture(workspace)
    dispatch()
    Attempt.objects.update(cost_points=5_000, price_points=20_000, state="SUCCEEDED")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_attempt SET ended_at = started_at + interval '3 seconds'")

    html = operator.get(reverse("ops_pool")).content.decode()

    expected = [
        "Next door", "1 of 7", "1 of 50", "100.0 % of 1", "3.0 s", "$0.0005", "$0.002", "$0.0015", "(75.0 %)",
        f"?family={made.family}", "succeeded", reverse("admin:byoa_account_change", args=[mine.pk]),
    ]  # fmt: skip
    assert [text for text in expected if text not in html] == []


def test_pool_page_of_an_empty_installation(operator: Client):
    html = operator.get(reverse("ops_pool")).content.decode()

    assert "No account yet" in html
    assert "Nothing waits and nothing runs." in html


@pytest.mark.parametrize(("permissions", "status_code"), [((), 403), (("byoa.view_account",), 200)])
def test_pool_page_is_for_who_may_see_accounts(
    client: Client, permissions: tuple[str, ...], status_code: int
):
    assert staff_with(client, *permissions).get(reverse("ops_pool")).status_code == status_code


def test_pool_page_is_only_read(operator: Client):
    assert operator.post(reverse("ops_pool")).status_code == 405


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (0.0, "0.0 s"), (59.94, "59.9 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
        (86399, "23 h 59 min"), (90000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_spans_are_short(seconds: float | None, text: str):
    assert span(seconds) == text
