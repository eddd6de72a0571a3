"""The first steps of a workspace: ticked by what happened there, and nowhere else."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import ApiKey, Membership, Workspace
from apps.notifications.models import Delivery
from tests.factories import (
    UserFactory,
    WorkspaceFactory,
    api_key,
    completed,
    owner_of,
    task,
)
from tests.factories.billing import payment

pytestmark = pytest.mark.django_db


def steps(client: Client, workspace: Workspace) -> dict[str, bool] | None:
    found = client.get(f"/w/{workspace.slug}/").context["first_hour"]
    return None if found is None else {step.title: step.is_done for step in found.steps}


def use_key(workspace: Workspace) -> None:
    api_key(workspace)
    ApiKey.objects.of(workspace.pk).update(last_used_at=timezone.now())


def deliver(workspace: Workspace) -> None:
    Delivery.objects.create(
        workspace=workspace,
        subject=str(uuid.uuid4()),
        kind="completed",
        endpoint="https://a.example/hook",
        lane="a.example",
        body="{}",
        state=Delivery.State.DELIVERED,
        next_attempt_at=None,
        ended_at=timezone.now(),
    )


def test_everything_is_to_do_in_a_new_workspace(workspace: Workspace, owner: Client):
    assert steps(owner, workspace) == {
        "Run your first task": False,
        "Call it from your code": False,
        "Hear when a task ends": False,
        "Add credits": False,
    }


def test_steps_are_ticked_by_what_happened(workspace: Workspace, owner: Client):
    completed(workspace)
    use_key(workspace)

    assert steps(owner, workspace) == {
        "Run your first task": True,
        "Call it from your code": True,
        "Hear when a task ends": False,
        "Add credits": False,
    }


def test_what_was_only_begun_is_not_ticked(workspace: Workspace, owner: Client):
    task(workspace)
    api_key(workspace)

    page = owner.get(f"/w/{workspace.slug}/")

    assert steps(owner, workspace) == dict.fromkeys(
        ("Run your first task", "Call it from your code", "Hear when a task ends", "Add credits"),
        False,
    )
    assert b"waits for its first call" in page.content


def test_neighbours_do_not_tick_anything(workspace: Workspace, owner: Client):
    neighbour = WorkspaceFactory.create()
    completed(neighbour)
    use_key(neighbour)
    deliver(neighbour)
    payment(neighbour)

    found = steps(owner, workspace)

    assert found is not None
    assert not any(found.values())


def test_list_is_gone_when_all_is_done(workspace: Workspace, owner: Client):
    completed(workspace)
    use_key(workspace)
    deliver(workspace)
    payment(workspace)

    page = owner.get(f"/w/{workspace.slug}/")

    assert page.context["first_hour"] is None
    assert b"First steps" not in page.content


def test_list_can_be_put_away_for_one_workspace(workspace: Workspace, owner: Client):
    other = WorkspaceFactory.create()
    Membership.objects.create(user=owner_of(workspace), workspace=other, role="owner")

    answer = owner.post(f"/w/{workspace.slug}/first-hour/hide")

    assert answer.status_code == 302
    assert steps(owner, workspace) is None
    assert steps(owner, other) is not None


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("developer", ["Run your first task", "Call it from your code", "Hear when a task ends"]),
        ("billing", ["Add credits"]),
        ("viewer", None),
    ],
)
def test_people_see_the_steps_that_they_may_take(
    client: Client, workspace: Workspace, role: str, expected: list[str] | None
):
    person = UserFactory.create()
    Membership.objects.create(user=person, workspace=workspace, role=role)
    client.force_login(person)

    found = steps(client, workspace)

    assert (None if found is None else list(found)) == expected


def test_stranger_cannot_put_the_list_away(client: Client, workspace: Workspace):
    client.force_login(UserFactory.create())

    assert client.post(f"/w/{workspace.slug}/first-hour/hide").status_code == 404


def test_page_takes_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
):
    completed(workspace)
    owner.get(f"/w/{workspace.slug}/")

    with django_assert_max_num_queries(12):
        owner.get(f"/w/{workspace.slug}/")
