from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import selectors
from apps.accounts.models import AuditEvent, Workspace
from apps.accounts.selectors import InvalidApiKey
from apps.accounts.services import closing
from apps.billing.models import AutoTopUp, CreditEntry, Wallet
from apps.core.errors import InvalidRequest
from apps.dashboard.closing import sweep
from apps.files.models import StoredFile
from apps.notifications.models import Email
from apps.tasks.models import Task
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, api_key, completed, member, owner_of, task


def proven(client: Client) -> Client:
    client.post("/auth/reauthenticate/", {"password": "correct horse"})
    return client


def delete(client: Client, workspace: Workspace, name: str | None = None) -> Any:
    form = {"name": workspace.name if name is None else name}
    return client.post(f"/w/{workspace.slug}/settings/delete", form)


def works(secret: str) -> bool:
    selectors.forget_believed_keys()
    try:
        return bool(selectors.identify(key=secret))
    except InvalidApiKey:
        return False


def closes_at(workspace: Workspace) -> Any:
    return Workspace.objects.get(pk=workspace.pk).closes_at


def week_later(workspace: Workspace) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Workspace.objects.filter(pk=workspace.pk).update(closes_at=past)


def test_delete_asks_for_a_proof_and_the_name(workspace: Workspace, owner: Client) -> None:
    unproven = delete(owner, workspace)
    proven(owner)
    asked = owner.get(f"/w/{workspace.slug}/settings/delete").content.decode()
    wrong = delete(owner, workspace, "another")

    assert (unproven.status_code, wrong.status_code) == (302, 422)
    assert "$1.00" in asked
    assert list(wrong.context["form"].errors) == ["name"]
    assert closes_at(workspace) is None


def test_delete_stops_keys_at_once_and_writes_to_the_owner(
    workspace: Workspace, owner: Client
) -> None:
    secret, theirs = api_key(workspace), api_key(WorkspaceFactory.create())
    proven(owner)

    delete(owner, workspace)
    first = closes_at(workspace)
    delete(owner, workspace)

    assert (works(secret), works(theirs)) == (False, True)
    assert closes_at(workspace) == first
    assert abs(first - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    assert Email.objects.of(workspace.pk).get().to == owner_of(workspace).email
    assert "is deleted on" in owner.get(f"/w/{workspace.slug}/").content.decode()


def test_nothing_starts_in_a_workspace_that_closes(workspace: Workspace, owner: Client) -> None:
    delete(proven(owner), workspace)

    who = selectors.identity_of_member(
        workspace=Workspace.objects.get(pk=workspace.pk), user=owner_of(workspace)
    )

    assert not who.is_enabled


def test_workspace_comes_back_within_the_week(workspace: Workspace, owner: Client) -> None:
    secret = api_key(workspace)
    delete(proven(owner), workspace)

    owner.post(f"/w/{workspace.slug}/settings/restore")
    owner.post(f"/w/{workspace.slug}/settings/restore")

    assert works(secret)
    assert closes_at(workspace) is None
    actions = AuditEvent.objects.of(workspace.pk).order_by("id").values_list("action", flat=True)
    assert list(actions)[1:] == ["workspace.closing", "workspace.reopened"]


def test_workspace_does_not_come_back_after_the_week(workspace: Workspace, owner: Client) -> None:
    delete(proven(owner), workspace)
    week_later(workspace)

    with pytest.raises(InvalidRequest):
        closing.reopen(workspace_id=workspace.pk, actor=owner_of(workspace))


def test_automatic_top_ups_must_end_first(workspace: Workspace, owner: Client) -> None:
    AutoTopUp.objects.create(
        workspace=workspace,
        is_on=True,
        threshold_points=1,
        amount_points=50_000_000,
        daily_cap_points=50_000_000,
        monthly_cap_points=50_000_000,
    )
    proven(owner)

    page = owner.get(f"/w/{workspace.slug}/settings/delete").content.decode()
    delete(owner, workspace)

    assert "Automatic top-ups are on" in page
    assert closes_at(workspace) is None


def test_sweep_empties_it_and_keeps_the_books(workspace: Workspace, owner: Client) -> None:
    done, secret, user = completed(workspace), api_key(workspace), member(workspace)
    other = WorkspaceFactory.create()
    kept = task(other)
    lines = CreditEntry.objects.of(workspace.pk).count()
    delete(proven(owner), workspace)
    week_later(workspace)

    sweep()
    sweep()

    closed = Workspace.objects.get(pk=workspace.pk)
    wiped = Task.objects.of(workspace.pk).get()
    assert (closed.name, closed.slug) == ("Deleted workspace", f"deleted-{workspace.pk}")
    assert closed.closed_at is not None
    assert not closed.memberships.exists()
    assert (works(secret), browser(user).get(f"/w/{closed.slug}/").status_code) == (False, 404)
    assert (wiped.input, wiped.output, wiped.cost_points) == ({}, None, done.cost_points)
    assert not StoredFile.objects.of(workspace.pk).filter(expires_at__gt=timezone.now()).exists()
    assert Wallet.objects.of(workspace.pk).get().available == 0
    assert CreditEntry.objects.of(workspace.pk).count() == lines + 1
    assert Task.objects.of(other.pk).get().input == kept.input
    assert other.memberships.count() == 1


def test_sweep_leaves_alone_what_still_has_its_week(workspace: Workspace, owner: Client) -> None:
    secret = api_key(workspace)
    delete(proven(owner), workspace)

    sweep()
    owner.post(f"/w/{workspace.slug}/settings/restore")

    assert works(secret)
    assert Wallet.objects.of(workspace.pk).get().available == 10_000_000


def test_admin_neither_deletes_nor_restores(workspace: Workspace, owner: Client) -> None:
    admin = proven(browser(member(workspace, "admin")))

    refused = delete(admin, workspace)
    delete(proven(owner), workspace)
    restored = admin.post(f"/w/{workspace.slug}/settings/restore")

    assert (refused.status_code, restored.status_code) == (404, 404)
    assert closes_at(workspace) is not None
