"""Seats that end and come back, and the accounts on them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.billing.models import Subscription
from apps.byoa import jobs, selectors
from apps.byoa.models import Account
from apps.byoa.selectors import NoSeat
from apps.byoa.services import backups, checks, health, own, seats
from apps.byoa.services.terms import Terms
from apps.core.errors import InvalidRequest
from apps.notifications.models import Notice
from apps.providers.base import AccountNeedsOwner, BadCredentials, Need
from apps.tasks.models import Attempt
from tests.byoa.test_health import again, history, rested, resumes_in
from tests.byoa.test_slots import later, lease
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, task
from tests.factories.byoa import account, own_account
from tests.factories.byoa import seats as rent
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


def parked(*made: Account) -> list[bool]:
    return [again(one).seat_ended_at is not None for one in made]


def told(workspace: Workspace) -> list[tuple[str, dict[str, Any]]]:
    rows = Notice.objects.of(workspace.pk).order_by("id")
    return list(rows.values_list("type", "detail"))


def ended_for(days: float) -> None:
    """Every seat that has ended did so, so many days ago."""
    Account.objects.across_workspaces().exclude(seat_ended_at=None).update(
        seat_ended_at=Now() - timedelta(days=days)
    )


# -------------------------------------------------------------------------------- parking
def test_newest_accounts_are_parked_when_seats_end(workspace: Workspace):
    rent(workspace, "midjourney", 1)
    made = [own_account(workspace) for _ in range(3)]
    flux = own_account(workspace, "kling")
    rent(workspace, "kling", 1)
    neighbours = own_account(WorkspaceFactory.create())

    assert seats.sync(workspace_id=workspace.pk) == 2

    assert parked(*made, flux, neighbours) == [False, True, True, False, False]
    assert [history(one) for one in made] == [[], *[[("active", "Its seat has ended.")]] * 2]
    keep_until = again(made[1]).seat_ended_at + timedelta(days=30)
    assert told(workspace) == [
        (
            "seat_ended",
            {
                "family": "midjourney",
                "seats": 1,
                "account_ids": [made[1].pk, made[2].pk],
                "keep_until": int(keep_until.timestamp()),
            },
        )
    ]
    assert seats.sync(workspace_id=workspace.pk) == 0
    assert len(told(workspace)) == 1


def test_each_family_is_told_by_itself(workspace: Workspace):
    own_account(workspace, "kling")
    own_account(workspace, "flux")

    seats.sync(workspace_id=workspace.pk)

    assert [(kind, detail["family"]) for kind, detail in told(workspace)] == [
        ("seat_ended", "flux"),
        ("seat_ended", "kling"),
    ]


def test_last_midjourney_seat_says_that_no_account_is_left(workspace: Workspace):
    own_account(workspace)

    seats.sync(workspace_id=workspace.pk)

    assert [kind for kind, _ in told(workspace)] == ["seat_ended", "no_active_mj_bot"]


def test_backup_stands_in_for_an_account_without_a_seat(workspace: Workspace):
    backup, lost = own_account(workspace, is_backup=True), own_account(workspace)
    rent(workspace, "midjourney", 1)

    seats.sync(workspace_id=workspace.pk)

    assert (again(backup).backup_activated_at is not None, parked(backup, lost)) == (
        True,
        [False, True],
    )


def test_unpaid_seats_count_until_the_subscription_ends(workspace: Workspace):
    made = own_account(workspace)
    rent(workspace)
    rows = Subscription.objects.of(workspace.pk)

    rows.update(state="past_due")
    assert seats.sync_due() == 0
    rows.update(state="ended")

    assert (seats.sync_due(), parked(made)) == (1, [True])


def test_work_under_way_goes_on_when_its_seat_ends(workspace: Workspace):
    made = own_account(workspace, "kling", credential="still there")
    held = lease(made.pk)
    attempt = Attempt.objects.create(
        task=task(workspace),
        number=1,
        provider="federation",
        job="",
        account=made,
        state=Attempt.State.ACCEPTED,
        next_at=later(),
    )

    seats.sync(workspace_id=workspace.pk)

    attempt.refresh_from_db()
    assert (attempt.account_id, attempt.state, made.leases.get()) == (made.pk, "ACCEPTED", held)
    assert selectors.access(again(made)).credential == "still there"


def test_account_without_a_seat_is_not_asked_about(workspace: Workspace):
    made = own_account(workspace)
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))
    seats.sync(workspace_id=workspace.pk)
    rested(made)

    assert checks.heal() == 0
    with pytest.raises(InvalidRequest, match="seat has ended"):
        own.recheck(workspace=workspace, actor=None, ip=None, account_id=made.pk)
    with pytest.raises(InvalidRequest, match="seat has ended"):
        own.replace_credential(
            workspace=workspace, actor=None, ip=None, account_id=made.pk, credential="new"
        )


# ---------------------------------------------------------------------------- coming back
def test_oldest_accounts_come_back_first_with_their_credential(workspace: Workspace):
    made = [own_account(workspace, credential=f"key-{n}") for n in range(3)]
    seats.sync(workspace_id=workspace.pk)
    rent(workspace, "midjourney", 2)

    assert seats.sync(workspace_id=workspace.pk) == 2

    assert parked(*made) == [False, False, True]
    assert selectors.access(again(made[0])).credential == "key-0"
    assert history(made[0])[-1] == ("active", "The seat is back.")
    assert again(made[0]).status == "active"


def test_account_that_was_banned_is_still_banned_when_its_seat_is_back(workspace: Workspace):
    made = own_account(workspace)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("No.", need=Need.BANNED))
    seats.sync(workspace_id=workspace.pk)
    rent(workspace)

    seats.sync(workspace_id=workspace.pk)

    assert (again(made).status, again(made).status_reason) == ("banned", "No.")


def test_free_seat_without_a_parked_account_changes_nothing(workspace: Workspace):
    rent(workspace, "midjourney", 5)
    own_account(workspace)

    assert (seats.sync_due(), seats.sync(workspace_id=workspace.pk)) == (0, 0)


def test_seat_that_was_given_to_another_account_is_not_given_back(
    workspace: Workspace, upstream: Upstream, settings: Any
):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    old = own_account(workspace, "kling")
    seats.sync(workspace_id=workspace.pk)
    rent(workspace, "kling")
    asked: dict[str, Any] = {
        "workspace": workspace,
        "actor": None,
        "ip": None,
        "family": "kling",
        "provider": "federation",
        "terms": Terms(label="New", base_url=upstream.url),
        "confirmed": True,
    }
    new = own.connect(**asked, credential="new")

    assert (seats.sync(workspace_id=workspace.pk), parked(old, new)) == (0, [True, False])
    own.delete(workspace=workspace, actor=None, ip=None, account_id=new.pk)
    assert (seats.sync(workspace_id=workspace.pk), parked(old)) == (1, [False])
    with pytest.raises(NoSeat):
        own.connect(**asked, credential="new")


# -------------------------------------------------------------------------------- sweeping
def test_sweep_finds_workspaces_out_of_step_with_one_query(
    workspace: Workspace, django_assert_num_queries: Any
):
    fine, lost, back = (WorkspaceFactory.create() for _ in range(3))
    for one in (fine, lost, back):
        own_account(one)
        own_account(one, "kling")
    rent(fine, "midjourney", 2)
    rent(fine, "kling", 1)
    rent(back, "kling", 1)
    seats.sync(workspace_id=back.pk)
    rent(back, "midjourney", 1)
    account()

    with django_assert_num_queries(1):
        found = selectors.out_of_step()

    assert found == [lost.pk, back.pk]
    assert (seats.sync_due(), selectors.out_of_step(), seats.sync_due()) == (3, [], 0)
    assert workspace.pk not in found


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_seats_that_are_compared_at_once_are_told_of_once(workspace: Workspace):
    rent(workspace, "midjourney", 1)
    made = [own_account(workspace) for _ in range(3)]

    assert at_once(*[lambda: seats.sync(workspace_id=workspace.pk)] * 6) == []

    assert parked(*made) == [False, True, True]
    assert [kind for kind, _ in told(workspace)] == ["seat_ended"]
    assert [len(history(one)) for one in made] == [0, 1, 1]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_comparing_pausing_failing_and_backups_do_not_block_each_other(workspace: Workspace):
    made = [own_account(workspace, is_backup=number == 2) for number in range(4)]
    asked: dict[str, Any] = {"workspace": workspace, "actor": None, "ip": None}

    def renting() -> None:
        for quantity in (1, 4):
            rent(workspace, "midjourney", quantity)
            seats.sync(workspace_id=workspace.pk)

    def pausing() -> None:
        for one in reversed(made):
            own.pause(**asked, account_id=one.pk)
            own.start(**asked, account_id=one.pk)

    def failing() -> None:
        for one in reversed(made):
            error = AccountNeedsOwner("None.", need=Need.FAST_HOURS)
            health.failed(account_id=one.pk, error=error)

    def activating() -> None:
        backups.activate_due()

    assert at_once(renting, pausing, failing, activating, times=8) == []


# ------------------------------------------------------------------------------- shredding
def test_credential_is_destroyed_when_its_account_was_too_long_without_a_seat(
    workspace: Workspace, settings: Any
):
    settings.SEAT_CREDENTIAL_DAYS = 7
    made, kept = own_account(workspace), own_account(workspace, "kling")
    rent(workspace, "kling")
    seats.sync(workspace_id=workspace.pk)
    ended_for(6.9)
    assert seats.shred_due() == 0

    ended_for(7.1)

    assert (seats.shred_due(), seats.shred_due()) == (1, 0)
    found = again(made)
    assert (found.credential, found.credential_digest, found.resume_at) == ("", None, None)
    assert found.shredded_at is not None
    assert history(made)[-1][1] == "Its credential was deleted: it was too long without a seat."
    assert again(kept).credential != ""


def test_shredded_account_whose_seat_is_back_needs_its_credential_again(
    workspace: Workspace, upstream: Upstream, settings: Any
):
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    made = own_account(workspace, "kling", base_url=upstream.url, credential="right")
    seats.sync(workspace_id=workspace.pk)
    ended_for(31)
    seats.shred_due()
    rent(workspace, "kling")

    seats.sync(workspace_id=workspace.pk)

    found = again(made)
    assert (found.status, found.seat_ended_at, resumes_in(made)) == ("setup_required", None, None)
    assert "Give it again" in found.status_reason
    assert told(workspace)[-1] == (
        "account_unavailable",
        {
            "account_id": made.pk,
            "account_name": "Upstream",
            "family": "kling",
            "status": "setup_required",
            "reason": found.status_reason,
            "until": 0,
        },
    )

    own.replace_credential(
        workspace=workspace, actor=None, ip=None, account_id=made.pk, credential="right"
    )

    assert (again(made).status, again(made).shredded_at) == ("active", None)
    rent(workspace, "kling", 0)
    seats.sync(workspace_id=workspace.pk)
    assert seats.shred_due() == 0


def test_account_with_a_credential_comes_back_before_one_without(workspace: Workspace):
    old, new = own_account(workspace), own_account(workspace)
    rent(workspace, "midjourney", 0)
    seats.sync(workspace_id=workspace.pk)
    Account.objects.of(workspace.pk).filter(pk=old.pk).update(
        seat_ended_at=Now() - timedelta(days=40)
    )
    seats.shred_due()
    rent(workspace)

    seats.sync(workspace_id=workspace.pk)

    assert parked(old, new) == [True, False]


def test_job_parks_and_shreds(workspace: Workspace):
    made, other = own_account(workspace), own_account(workspace, "kling")
    seats.sync(workspace_id=workspace.pk)
    ended_for(31)
    fresh = own_account(workspace, "flux")

    jobs.sync_seats()

    assert parked(made, other, fresh) == [True, True, True]
    assert [again(one).credential == "" for one in (made, other, fresh)] == [True, True, False]
