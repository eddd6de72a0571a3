"""Own accounts while they are used: their terms, their credential, pausing, checking and deleting."""

from dataclasses import replace
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.services import health, own
from apps.byoa.services.terms import terms_of
from apps.core.errors import InvalidRequest
from apps.notifications.models import Notice
from apps.providers.base import AccountNeedsOwner, BadCredentials, Need
from tests.byoa.own.helpers import audited, connect, refused, who
from tests.byoa.test_health import again
from tests.byoa.test_slots import lease
from tests.factories import WorkspaceFactory
from tests.factories.byoa import own_account, seats
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


# -------------------------------------------------------------------------------- changing
def test_change_touches_what_it_names_and_says_so(workspace: Workspace):
    made = own_account(workspace, "kling", daily_cap=5)

    own.change(**who(workspace, made), weight="high", tags=("spare",), daily_cap=5)

    assert terms_of(again(made)) == replace(terms_of(made), weight="high", tags=("spare",))
    assert audited(workspace) == [("account.changed", {"weight": "high", "tags": ["spare"]})]


def test_change_of_nothing_leaves_no_audit_event(workspace: Workspace):
    made = own_account(workspace, "kling", weight="low")

    own.change(**who(workspace, made), weight="low")

    assert audited(workspace) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"families": ("flux",)}, "families"),
        ({"is_backup": True}, "is_backup"),
        ({"base_url": "https://elsewhere.example.com"}, "base_url"),
        ({"base_url": "http://10.0.0.1"}, "base_url"),
        ({"slots": 0}, "slots"),
        ({"mode": "relax"}, "mode"),
    ],
)
def test_change_that_cannot_be_is_refused(workspace: Workspace, values: dict[str, Any], field: str):
    made = own_account(workspace, "kling")

    assert refused(lambda: own.change(**who(workspace, made), **values))[0] == field
    assert terms_of(again(made)) == terms_of(made)
    assert audited(workspace) == []


def test_activated_backup_is_no_backup_again_by_a_change(workspace: Workspace):
    made = own_account(workspace, is_backup=True)

    field, words = refused(lambda: own.change(**who(workspace, made), is_backup=False))

    assert (field, "connect it again" in words) == ("is_backup", True)
    own.change(**who(workspace, made), weight="low", is_backup=True)
    assert (again(made).is_backup, again(made).weight) == (True, "low")


def test_path_of_an_address_is_not_audited(workspace: Workspace):
    made = own_account(workspace, "kling")

    own.change(
        **who(workspace, made),
        base_url="https://upstream.example.com/t0ken",
        config={"poll_seconds": 5},
    )

    assert again(made).base_url == "https://upstream.example.com/t0ken"
    assert audited(workspace) == [
        ("account.changed", {"host": "upstream.example.com", "config": "changed"})
    ]


def test_choosing_fast_says_that_there_is_fast_time_again(workspace: Workspace):
    made = own_account(workspace)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("None.", need=Need.FAST_HOURS))
    assert (again(made).mode, again(made).is_out_of_fast) == ("relax", True)

    own.change(**who(workspace, made), mode="fast")

    assert (again(made).mode, again(made).is_out_of_fast, again(made).fast_hours) == (
        "fast",
        False,
        None,
    )


# ------------------------------------------------------------------- another credential
def test_wrong_credential_does_not_replace_a_right_one(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="right")

    found = refused(lambda: own.replace_credential(**who(workspace, made), credential="bad"))

    assert found[0] == "credential"
    assert selectors.access(again(made)).credential == "right"
    assert audited(workspace) == []


def test_right_credential_brings_back_an_account_with_a_wrong_one(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="old")
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))

    own.replace_credential(**who(workspace, made), credential="right")

    found = again(made)
    assert (found.status, found.plan, selectors.access(found).credential) == (
        "active",
        "premium",
        "right",
    )
    assert audited(workspace) == [("account.changed", {"credential": "replaced"})]
    # The old one may be connected elsewhere, the new one not.
    neighbour = WorkspaceFactory.create()
    seats(neighbour, "kling", 2)
    connect(neighbour, upstream, credential="old")
    assert refused(lambda: connect(neighbour, upstream, credential="right"))[0] == "credential"


def test_credential_is_replaced_while_the_server_is_down(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="leaked")
    upstream.knobs(everything="503")

    own.replace_credential(**who(workspace, made), credential="fresh")

    assert (again(made).status, selectors.access(again(made)).credential) == ("active", "fresh")


def test_credential_of_another_seat_replaces_nothing(workspace: Workspace, upstream: Upstream):
    neighbour = WorkspaceFactory.create()
    own_account(neighbour, "kling", base_url=upstream.url, credential="theirs")
    made = own_account(workspace, "kling", base_url=upstream.url, credential="ours")

    found = refused(lambda: own.replace_credential(**who(workspace, made), credential="theirs"))

    assert found[0] == "credential"
    assert selectors.access(again(made)).credential == "ours"


# ----------------------------------------------------------------------- pausing, checking
def test_pausing_and_starting_are_audited_once(workspace: Workspace):
    made = own_account(workspace)

    for _ in range(2):
        own.pause(**who(workspace, made))
    assert again(made).is_paused
    for _ in range(2):
        own.start(**who(workspace, made))

    assert not again(made).is_paused
    assert audited(workspace) == [("account.paused", {}), ("account.started", {})]


def test_pausing_the_last_account_activates_backups_or_says_that_none_is_left(
    workspace: Workspace,
):
    first, backup = own_account(workspace), own_account(workspace, is_backup=True)
    neighbours = own_account(WorkspaceFactory.create(), is_backup=True)

    own.pause(**who(workspace, first))
    assert again(backup).backup_activated_at is not None
    assert again(neighbours).backup_activated_at is None
    own.pause(**who(workspace, backup))

    told = Notice.objects.of(workspace.pk).order_by("id").values_list("type", "detail")
    assert list(told) == [
        (
            "account_backup_activated",
            {
                "family": "midjourney",
                "account_ids": [backup.pk],
                "reason": "No other account is active.",
            },
        ),
        ("no_active_mj_bot", {}),
    ]
    assert Notice.objects.across_workspaces().exclude(workspace=workspace).count() == 0


def test_owner_says_that_a_captcha_is_solved(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Prove it.", need=Need.CAPTCHA))

    assert "premium" in own.recheck(**who(workspace, made))

    assert again(made).status == "active"
    assert audited(workspace) == [("account.checked", {})]


def test_recheck_that_finds_it_broken_says_so_without_the_credential(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="bad")

    with pytest.raises(InvalidRequest, match="The provider says: "):
        own.recheck(**who(workspace, made))

    assert again(made).status == "invalid_credentials"


# --------------------------------------------------------------------------------- deleting
def test_deleted_account_says_what_ran_there_and_leaves_no_credential(
    workspace: Workspace, upstream: Upstream
):
    made = own_account(workspace)
    kept = own_account(workspace)
    lease(made.pk)
    lease(made.pk, seconds=-1)
    lease(kept.pk)

    assert own.delete(**who(workspace, made)) == 1

    assert [one.pk for one in own.mine(workspace_id=workspace.pk)] == [kept.pk]
    assert audited(workspace) == [("account.deleted", {"running": 1})]
    assert Notice.objects.of(workspace.pk).count() == 0


def test_deleting_the_last_account_tells_that_none_is_left(workspace: Workspace):
    made = own_account(workspace)

    own.delete(**who(workspace, made))

    told = Notice.objects.of(workspace.pk).get()
    assert (told.type, told.url) == (
        "no_active_mj_bot",
        f"/w/{workspace.slug}/accounts/midjourney",
    )


def test_account_that_took_nothing_before_is_no_news_when_it_goes(workspace: Workspace):
    paused = own_account(workspace, is_paused=True)
    banned = own_account(workspace, status="banned")

    own.pause(**who(workspace, banned))
    for one in (paused, banned):
        own.delete(**who(workspace, one))

    assert Notice.objects.of(workspace.pk).count() == 0


@pytest.mark.django_db(transaction=True)
def test_credential_is_gone_even_when_the_rest_of_a_deletion_fails(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    made = own_account(workspace)

    def broken(self: Account) -> None:
        raise RuntimeError

    monkeypatch.setattr(Account, "delete", broken)
    with pytest.raises(RuntimeError):
        own.delete(**who(workspace, made))

    found = again(made)
    assert (found.credential, found.credential_digest, found.is_paused) == ("", None, True)
