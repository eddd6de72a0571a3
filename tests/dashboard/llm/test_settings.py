"""The switch that keeps what is said: who may turn it, what it changes, what it leaves behind."""

from typing import Any

import pytest
from django.test import Client

from apps.accounts import selectors, services
from apps.accounts.models import AuditEvent, Workspace
from apps.core.errors import InvalidRequest
from apps.llm.models import CallContent
from apps.llm.services import contents
from tests.factories import WorkspaceFactory, identity, owner_of
from tests.llm.rows import attempt


def kept(workspace: Workspace) -> tuple[bool, int]:
    workspace.refresh_from_db()
    return workspace.keeps_llm_content, workspace.llm_content_days


def test_it_is_off_until_somebody_turns_it_on(workspace: Workspace, owner: Client) -> None:
    assert kept(workspace) == (False, 7)
    assert identity(workspace).content_days == 0

    owner.post(f"/w/{workspace.slug}/llm/settings", {"is_on": "on", "days": "30"})

    assert kept(workspace) == (True, 30)
    assert identity(workspace).content_days == 30
    event = AuditEvent.objects.of(workspace.pk).get(action="workspace.llm_content")
    assert event.actor == owner_of(workspace)
    assert event.detail == {
        "before": {"is_on": False, "days": 7},
        "after": {"is_on": True, "days": 30},
    }


def test_saving_without_a_change_leaves_no_event(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(f"/w/{workspace.slug}/llm/settings", {"days": "7"}, follow=True)

    assert "Nothing that is said is kept from now on." in answer.content.decode()
    assert not AuditEvent.objects.of(workspace.pk).filter(action="workspace.llm_content").exists()


@pytest.mark.parametrize("days", ["", "0", "91", "-1", "x", "1e9"])
def test_days_out_of_range_are_refused(workspace: Workspace, owner: Client, days: str) -> None:
    answer = owner.post(f"/w/{workspace.slug}/llm/settings", {"is_on": "on", "days": days})

    assert (answer.status_code, kept(workspace)) == (422, (False, 7))


@pytest.mark.parametrize("days", [0, 91])
def test_the_service_refuses_them_too(workspace: Workspace, days: int) -> None:
    with pytest.raises(InvalidRequest):
        services.set_llm_content(
            workspace_id=workspace.pk, actor=None, ip=None, is_on=True, days=days
        )


def test_a_known_key_hears_of_the_change(
    workspace: Workspace, key: str, django_capture_on_commit_callbacks: Any
) -> None:
    assert selectors.identify(key=key).content_days == 0

    with django_capture_on_commit_callbacks(execute=True):
        services.set_llm_content(workspace_id=workspace.pk, actor=None, ip=None, is_on=True, days=3)

    assert selectors.identify(key=key).content_days == 3


def test_all_that_is_kept_can_be_deleted(workspace: Workspace, owner: Client) -> None:
    other = WorkspaceFactory.create()
    for one in (workspace, other):
        contents.keep(attempt(one).call, one.pk, {}, "Yes", 7)

    answer = owner.post(f"/w/{workspace.slug}/llm/settings/forget", follow=True)

    assert "Deleted what was said in 1 call." in answer.content.decode()
    assert [row.workspace for row in CallContent.objects.across_workspaces()] == [other]


def test_a_developer_cannot_change_it(workspace: Workspace, developer: Client) -> None:
    answer = developer.post(f"/w/{workspace.slug}/llm/settings", {"is_on": "on", "days": "30"})

    assert (answer.status_code, kept(workspace)) == (404, (False, 7))
