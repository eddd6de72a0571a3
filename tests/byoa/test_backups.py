"""Backups: all of a family together, when it is time, and for good."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa import jobs
from apps.byoa.models import Account
from apps.byoa.services import backups, health
from apps.notifications.models import Notice
from apps.providers.base import AccountNeedsOwner, Need, ProviderUnavailable
from tests.byoa.test_health import again, history
from tests.byoa.test_slots import booked, later
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.factories.byoa import own_account

pytestmark = pytest.mark.django_db


def activated(*made: Account) -> list[bool]:
    return [again(one).backup_activated_at is not None for one in made]


def two_backups(workspace: Workspace, family: str = "midjourney") -> tuple[Account, Account]:
    first = own_account(workspace, family, is_backup=True, label="Spare")
    return first, own_account(workspace, family, is_backup=True, label="Spare two")


@pytest.mark.parametrize(
    "others",
    [
        [],
        [{"is_paused": True}],
        [{"status": "banned"}, {"status": "captcha_required"}],
        [{"seat_ended_at": "2026-01-01T00:00:00Z"}],
        [{"is_out_of_fast": True}, {"is_paused": True}],
        [{"is_out_of_fast": True}, {"is_out_of_fast": True}],
    ],
)
def test_all_backups_become_active_together_when_others_cannot(
    workspace: Workspace, others: list[dict[str, Any]]
):
    neighbours, other_family = (
        two_backups(WorkspaceFactory.create())[0],
        two_backups(workspace, "kling"),
    )
    own_account(WorkspaceFactory.create())
    own_account(workspace, "kling")
    for fields in others:
        own_account(workspace, **fields)
    spare = two_backups(workspace)

    assert backups.activate(workspace_id=workspace.pk, family="midjourney") == 2

    assert activated(*spare, *other_family, neighbours) == [True, True, False, False, False]
    told = Notice.objects.of(workspace.pk).get(type="account_backup_activated")
    assert told.detail["account_ids"] == [one.pk for one in spare]
    assert told.message == "Backup accounts take tasks from now on: Spare, Spare two."
    assert backups.activate(workspace_id=workspace.pk, family="midjourney") == 0


@pytest.mark.parametrize(
    "others",
    [
        [{}],
        [{"is_out_of_fast": True}, {}],
        # It works again in a moment.
        [{"status": "cooling", "resume_at": "2999-01-01T00:00:00Z"}],
        [{"status": "checking"}],
        # A full account is there.
        [{"slots": 1, "daily_cap": 1, "day_count": 1}],
    ],
)
def test_backups_wait_while_another_account_can(workspace: Workspace, others: list[dict[str, Any]]):
    spare = two_backups(workspace)
    for fields in others:
        own_account(workspace, **fields)

    assert backups.activate_due() == 0
    assert activated(*spare) == [False, False]
    assert Notice.objects.of(workspace.pk).count() == 0


def test_storm_of_failures_activates_no_backup(workspace: Workspace):
    made, spare = own_account(workspace), two_backups(workspace)
    error = ProviderUnavailable("Slow down.", retry_after_seconds=60)

    health.failed(account_id=made.pk, error=error)

    assert (again(made).status, backups.activate_due(), activated(*spare)) == (
        "cooling",
        0,
        [False, False],
    )


def test_backups_stay_active_when_the_others_are_back(workspace: Workspace):
    made, spare = own_account(workspace, is_paused=True), two_backups(workspace)
    jobs.activate_backups()
    assert activated(*spare) == [True, True]

    Account.objects.of(workspace.pk).filter(pk=made.pk).update(is_paused=False)
    jobs.activate_backups()

    taken = booked(60, family="midjourney", workspace_id=workspace.pk, workspace_ids=[workspace.pk])
    assert {one for one in taken if one} == {made.pk, *(one.pk for one in spare)}
    assert [len(history(one)) for one in spare] == [1, 1]


def test_backup_takes_nothing_before_and_its_share_after(workspace: Workspace):
    made = own_account(workspace, slots=100)
    spare = own_account(workspace, is_backup=True, weight="high", slots=100)
    wish = {"family": "midjourney", "workspace_id": workspace.pk, "workspace_ids": [workspace.pk]}
    assert set(booked(20, **wish)) == {made.pk}

    Account.objects.of(workspace.pk).filter(pk=spare.pk).update(backup_activated_at=later(-1))

    taken = booked(30, **wish)
    assert taken.count(spare.pk) == pytest.approx(20, abs=6)


def test_last_fast_hour_activates_backups_and_relax_goes_on(workspace: Workspace):
    made, spare = own_account(workspace), two_backups(workspace)
    error = AccountNeedsOwner("None left.", need=Need.FAST_HOURS)

    health.failed(account_id=made.pk, error=error)
    backups.activate_due()

    assert activated(*spare) == [True, True]
    told = Notice.objects.of(workspace.pk).get(type="account_backup_activated")
    assert told.detail["reason"] == "No active account has fast hours."
    wish = {"family": "midjourney", "workspace_id": workspace.pk, "workspace_ids": [workspace.pk]}
    assert made.pk not in booked(10, mode="fast", **wish)
    assert made.pk in booked(10, mode="relax", **wish)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_backups_are_activated_once_by_many_at_once(workspace: Workspace):
    own_account(workspace, is_paused=True)
    spare = two_backups(workspace)
    counts: list[int] = []

    assert at_once(*[lambda: counts.append(backups.activate_due())] * 6) == []

    assert (sum(counts), activated(*spare)) == (2, [True, True])
    assert [len(history(one)) for one in spare] == [1, 1]
    assert Notice.objects.of(workspace.pk).count() == 1
