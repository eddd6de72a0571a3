from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from apps.accounts import selectors
from apps.accounts.models import ApiKey, AuditEvent, Membership, User, Workspace
from apps.accounts.selectors import InvalidApiKey
from apps.accounts.services import KeyTerms, create_key, members
from apps.core.errors import InvalidRequest, NotFound
from tests.factories import WorkspaceFactory, member, owner_of

pytestmark = pytest.mark.django_db


def membership(workspace: Workspace, user: User) -> Membership:
    return Membership.objects.get(workspace=workspace, user=user)


def roles(workspace: Workspace) -> dict[str, str]:
    return dict(Membership.objects.filter(workspace=workspace).values_list("user__email", "role"))


def key_of(workspace: Workspace, user: User) -> str:
    _, secret = create_key(workspace_id=workspace.pk, terms=KeyTerms(name="a"), actor=user)
    return secret


def test_change_role_is_audited_once(workspace: Workspace) -> None:
    user, owner = member(workspace, "viewer"), owner_of(workspace)
    one = membership(workspace, user)

    for _ in range(2):
        members.change_role(
            workspace_id=workspace.pk, member_id=one.pk, role="admin", actor=owner, ip="203.0.113.7"
        )

    event = AuditEvent.objects.of(workspace.pk).get()
    assert roles(workspace)[user.email] == "admin"
    assert (event.action, event.target, event.detail, event.ip) == (
        "member.role_changed", user.email, {"before": "viewer", "after": "admin"}, "203.0.113.7",
    )  # fmt: skip


@pytest.mark.parametrize("role", ["owner", "", "king"])
def test_change_role_makes_nobody_owner_nor_anything_unknown(
    role: str, workspace: Workspace
) -> None:
    one = membership(workspace, member(workspace))

    with pytest.raises(InvalidRequest):
        members.change_role(
            workspace_id=workspace.pk, member_id=one.pk, role=role, actor=owner_of(workspace)
        )

    one.refresh_from_db()
    assert one.role == "developer"


def test_owner_keeps_the_role_and_cannot_go(workspace: Workspace) -> None:
    admin, owner = member(workspace, "admin"), owner_of(workspace)
    one = membership(workspace, owner)

    with pytest.raises(InvalidRequest):
        members.change_role(workspace_id=workspace.pk, member_id=one.pk, role="viewer", actor=admin)
    with pytest.raises(InvalidRequest):
        members.remove(workspace_id=workspace.pk, member_id=one.pk, keys="revoke", actor=admin)

    assert roles(workspace)[owner.email] == "owner"


def test_member_of_another_workspace_is_out_of_reach(workspace: Workspace) -> None:
    other = WorkspaceFactory.create()
    theirs, owner = membership(other, member(other)), owner_of(workspace)
    given: dict[str, Any] = {"workspace_id": workspace.pk, "member_id": theirs.pk, "actor": owner}

    for call in (
        lambda: members.change_role(**given, role="viewer"),
        lambda: members.remove(**given, keys="revoke"),
        lambda: members.transfer(**given),
    ):
        with pytest.raises(NotFound):
            call()

    theirs.refresh_from_db()
    assert theirs.role == "developer"


def test_remove_revokes_the_keys_they_made_and_no_others(workspace: Workspace) -> None:
    user, owner = member(workspace), owner_of(workspace)
    theirs, ours = key_of(workspace, user), key_of(workspace, owner)
    elsewhere = WorkspaceFactory.create(owner=user)
    kept = key_of(elsewhere, user)

    members.remove(
        workspace_id=workspace.pk,
        member_id=membership(workspace, user).pk,
        keys="revoke",
        actor=owner,
    )
    selectors.forget_believed_keys()

    with pytest.raises(InvalidApiKey):
        selectors.identify(key=theirs)
    assert selectors.identify(key=ours).workspace_id == workspace.pk
    assert selectors.identify(key=kept).workspace_id == elsewhere.pk
    assert user.email not in roles(workspace)


def test_remove_can_hand_the_keys_over(workspace: Workspace) -> None:
    user, owner = member(workspace), owner_of(workspace)
    secret = key_of(workspace, user)

    members.remove(
        workspace_id=workspace.pk,
        member_id=membership(workspace, user).pk,
        keys="hand_over",
        actor=owner,
    )
    selectors.forget_believed_keys()

    identity = selectors.identify(key=secret)
    assert identity.member_id == membership(workspace, owner).pk
    assert ApiKey.objects.of(workspace.pk).get().created_by == owner


def test_who_leaves_cannot_hand_keys_over_to_themselves(workspace: Workspace) -> None:
    user = member(workspace)
    one = membership(workspace, user)

    with pytest.raises(InvalidRequest):
        members.remove(workspace_id=workspace.pk, member_id=one.pk, keys="hand_over", actor=user)
    members.remove(workspace_id=workspace.pk, member_id=one.pk, keys="revoke", actor=user)

    assert AuditEvent.objects.of(workspace.pk).get().action == "member.left"
    with pytest.raises(NotFound):
        members.remove(workspace_id=workspace.pk, member_id=one.pk, keys="revoke", actor=user)


def test_transfer_leaves_one_owner(workspace: Workspace) -> None:
    owner, heir = owner_of(workspace), member(workspace, "viewer")

    members.transfer(
        workspace_id=workspace.pk, member_id=membership(workspace, heir).pk, actor=owner
    )

    assert roles(workspace) == {owner.email: "admin", heir.email: "owner"}
    with pytest.raises(InvalidRequest):  # the second tab
        members.transfer(
            workspace_id=workspace.pk, member_id=membership(workspace, heir).pk, actor=owner
        )


def test_transfer_by_an_admin_or_to_oneself_or_to_who_is_switched_off_is_refused(
    workspace: Workspace,
) -> None:
    owner, admin, gone = owner_of(workspace), member(workspace, "admin"), member(workspace)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    for actor, heir in ((admin, admin), (owner, owner), (owner, gone)):
        with pytest.raises(InvalidRequest):
            members.transfer(
                workspace_id=workspace.pk, member_id=membership(workspace, heir).pk, actor=actor
            )

    assert owner_of(workspace) == owner


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_transfers_at_once_make_one_owner() -> None:
    workspace = WorkspaceFactory.create()
    owner = owner_of(workspace)
    heirs = [membership(workspace, member(workspace)) for _ in range(2)]
    start = Barrier(2)

    def transfer(heir: Membership) -> bool:
        try:
            start.wait()
            members.transfer(workspace_id=workspace.pk, member_id=heir.pk, actor=owner)
            return True
        except InvalidRequest:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(transfer, heirs))

    assert sorted(done) == [False, True]
    assert sorted(roles(workspace).values()) == ["admin", "developer", "owner"]
