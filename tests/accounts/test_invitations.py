from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import AuditEvent, Invitation, Membership, User, Workspace
from apps.accounts.services import invitations
from apps.core.errors import DomainError, InvalidRequest, NotFound, RateLimited
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of

pytestmark = pytest.mark.django_db


def invite(workspace: Workspace, email: str = "new@example.com", role: str = "developer") -> Any:
    return invitations.invite(
        workspace_id=workspace.pk, email=email, role=role, actor=owner_of(workspace)
    )


def accept(token: str, user: User) -> Membership:
    return invitations.accept(token=token, user=user, addresses={user.email})


def expire(invitation: Invitation) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Invitation.objects.of(invitation.workspace_id).update(expires_at=past)


def test_invitation_makes_a_member_once(workspace: Workspace) -> None:
    invitation, token = invite(workspace, "New@Example.com", "billing")
    person, other = UserFactory.create(email="new@example.com"), UserFactory.create()

    membership = accept(token, person)
    again = accept(token, person)

    assert (membership.role, membership.workspace, again) == ("billing", workspace, membership)
    with pytest.raises(invitations.InvitationEnded):
        accept(token, other)
    events = AuditEvent.objects.of(workspace.pk).order_by("id").values_list("action", flat=True)
    assert list(events) == ["invitation.sent", "invitation.accepted"]
    assert token.encode() not in bytes(invitation.digest)


def test_invitation_lives_seven_days(workspace: Workspace) -> None:
    invitation, token = invite(workspace)
    assert invitation.expires_at - invitation.sent_at == timedelta(days=7)
    expire(invitation)

    with pytest.raises(invitations.InvitationEnded):
        accept(token, UserFactory.create(email="new@example.com"))


def test_invitation_is_for_its_address_only(workspace: Workspace) -> None:
    _, token = invite(workspace)
    person = UserFactory.create()

    with pytest.raises(invitations.WrongPerson):
        accept(token, person)

    assert not Membership.objects.filter(user=person).exists()


def test_address_they_confirmed_counts_too(workspace: Workspace) -> None:
    _, token = invite(workspace)
    person = UserFactory.create()

    invitations.accept(token=token, user=person, addresses={person.email, "NEW@example.com"})

    assert Membership.objects.get(user=person).workspace == workspace


@pytest.mark.parametrize("token", ["", "x", "\0", "é" * 50])
def test_unknown_token_is_no_invitation(token: str, workspace: Workspace) -> None:
    with pytest.raises(NotFound):
        accept(token, owner_of(workspace))


def test_who_is_removed_cannot_come_back_by_the_old_link(workspace: Workspace) -> None:
    _, token = invite(workspace)
    person = UserFactory.create(email="new@example.com")
    accept(token, person).delete()

    with pytest.raises(invitations.InvitationEnded):
        accept(token, person)


def test_resend_voids_the_link_before_and_starts_the_week_again(workspace: Workspace) -> None:
    invitation, token = invite(workspace)
    expire(invitation)

    renewed, newer = invitations.resend(
        workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner_of(workspace)
    )

    person = UserFactory.create(email="new@example.com")
    with pytest.raises(NotFound):
        accept(token, person)
    assert renewed.state == "open"
    assert accept(newer, person).workspace == workspace


def test_revoke_ends_it_and_can_be_repeated(workspace: Workspace) -> None:
    invitation, token = invite(workspace)
    owner = owner_of(workspace)

    for _ in range(2):
        invitations.revoke(workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner)

    with pytest.raises(invitations.InvitationEnded):
        accept(token, UserFactory.create(email="new@example.com"))
    with pytest.raises(invitations.InvitationEnded):
        invitations.resend(workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner)
    assert AuditEvent.objects.of(workspace.pk).filter(action="invitation.revoked").count() == 1
    invite(workspace)  # the address can be invited again


def test_accepted_invitation_cannot_be_revoked_or_sent_again(workspace: Workspace) -> None:
    invitation, token = invite(workspace)
    accept(token, UserFactory.create(email="new@example.com"))

    for change in (invitations.revoke, invitations.resend):
        with pytest.raises(invitations.InvitationEnded):
            change(
                workspace_id=workspace.pk,
                invitation_id=invitation.pk,
                actor=owner_of(workspace),
            )


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a\0@example.com", "a" * 250 + "@e.org"])
def test_invite_needs_an_address(email: str, workspace: Workspace) -> None:
    with pytest.raises(InvalidRequest):
        invite(workspace, email)


@pytest.mark.parametrize("role", ["owner", "", "king"])
def test_invite_gives_no_ownership_and_nothing_unknown(role: str, workspace: Workspace) -> None:
    with pytest.raises(InvalidRequest):
        invite(workspace, role=role)


def test_invite_refuses_members_and_who_is_invited(workspace: Workspace) -> None:
    inside = member(workspace)
    invite(workspace)

    for email in (inside.email.upper(), "NEW@example.com"):
        with pytest.raises(InvalidRequest):
            invite(workspace, email)

    other = WorkspaceFactory.create()
    assert invite(other)[0].workspace == other


def test_invite_renews_what_has_expired(workspace: Workspace) -> None:
    invitation, token = invite(workspace)
    expire(invitation)

    renewed, newer = invite(workspace, role="viewer")

    assert (renewed.pk, renewed.role, renewed.state) == (invitation.pk, "viewer", "open")
    assert newer != token


def test_a_day_has_so_many_invitations(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MOST_A_DAY", 2)
    invitation, _ = invite(workspace)
    owner = owner_of(workspace)
    invitations.resend(workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner)

    with pytest.raises(RateLimited):
        invite(workspace, "two@example.com")
    with pytest.raises(RateLimited):
        invitations.resend(workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner)

    invite(WorkspaceFactory.create(), "two@example.com")  # each workspace has its own count


def test_who_is_a_member_already_keeps_their_role(workspace: Workspace) -> None:
    _, token = invite(workspace, role="viewer")
    person = UserFactory.create(email="new@example.com")
    Membership.objects.create(workspace=workspace, user=person, role="admin")

    assert accept(token, person).role == "admin"


def test_invitation_of_another_workspace_is_out_of_reach(workspace: Workspace) -> None:
    theirs, _ = invite(WorkspaceFactory.create())

    for change in (invitations.revoke, invitations.resend):
        with pytest.raises(NotFound):
            change(workspace_id=workspace.pk, invitation_id=theirs.pk, actor=owner_of(workspace))


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_accept_and_revoke_at_once_end_it_one_way() -> None:
    workspace = WorkspaceFactory.create()
    person = UserFactory.create(email="new@example.com")
    invitation, token = invite(workspace)
    owner, start = owner_of(workspace), Barrier(2)

    def attempt(what: str) -> bool:
        try:
            start.wait()
            if what == "accept":
                accept(token, person)
            else:
                invitations.revoke(
                    workspace_id=workspace.pk, invitation_id=invitation.pk, actor=owner
                )
            return True
        except DomainError:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        accepted, revoked = pool.map(attempt, ("accept", "revoke"))

    invitation.refresh_from_db()
    is_member = Membership.objects.filter(workspace=workspace, user=person).exists()
    assert (accepted, revoked) in {(True, False), (False, True)}
    assert (is_member, invitation.state) == (accepted, "accepted" if accepted else "revoked")


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_double_click_on_accept_makes_one_member() -> None:
    workspace = WorkspaceFactory.create()
    person = UserFactory.create(email="new@example.com")
    _, token = invite(workspace)
    start = Barrier(2)

    def click(_: int) -> int:
        try:
            start.wait()
            return accept(token, person).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(click, range(2))

    assert first == second
    assert Membership.objects.filter(workspace=workspace, user=person).count() == 1
