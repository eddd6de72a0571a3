"""Deleting an account: what stands in its way, what goes with it, and what stays."""

from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts import selectors
from apps.accounts.models import DataExport, Membership, User, Workspace
from apps.accounts.policies import Role
from apps.accounts.services import closing, members, people
from apps.billing.models import Wallet
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence
from apps.dashboard.closing import blockers


@dataclass(frozen=True)
class Farewell:
    """`in_the_way`: (sentence, page that helps). `goes` are workspaces that end with the person, with the points left
    in each; `left` are those of others, which only lose a member."""

    in_the_way: list[tuple[str, str]]
    goes: list[tuple[Workspace, int]]
    left: list[Membership]


def farewell(*, user: User) -> Farewell:
    """What deleting the account means now."""
    in_the_way: list[tuple[str, str]] = []
    goes, left = [], []
    for membership in selectors.memberships(user=user):
        workspace = membership.workspace
        if membership.role != Role.OWNER:
            left.append(membership)
        elif selectors.members(workspace_id=workspace.pk).exclude(user=user).exists():
            words = _("You own {workspace}, and others work there. Make one of them owner.")
            words = words.format(workspace=workspace.name)
            in_the_way.append((words, reverse("dashboard:team_transfer", args=[workspace.slug])))
        else:
            in_the_way += [
                (_("{workspace}: {sentence}").format(workspace=workspace.name, sentence=words), url)
                for words, url in blockers(workspace=workspace)
            ]
            goes.append((workspace, Wallet.objects.of(workspace.pk).get().available))
    return Farewell(in_the_way, goes, left)


@transaction.atomic
def delete_account(*, user_id: int, email: str, ip: str | None) -> None:
    """Delete it, all or nothing. `email` is what the person typed to show that they mean it.

    Workspaces they own alone end at once, without the week of grace: nobody could take them back. Raises
    InvalidRequest for another address, and while something stands in the way. Safe to repeat and to do at once.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if not user.is_active:
        return
    if email.strip().lower() != user.email.lower():
        words = sentence("Type {email} to delete the account.", email=user.email)
        raise InvalidRequest.field("email", words)
    # Whoever joins a workspace or takes it over waits for this lock, so what is checked below stays true.
    mine = Workspace.objects.filter(memberships__user=user).order_by("pk")
    list(mine.select_for_update(no_key=True, of=("self",)))
    found = farewell(user=user)
    if found.in_the_way:
        raise InvalidRequest(found.in_the_way[0][0])
    for workspace, _points in found.goes:
        closing.close(
            workspace_id=workspace.pk, name=workspace.name, actor=user, ip=ip, grace=timedelta()
        )
    for membership in found.left:
        members.remove(
            workspace_id=membership.workspace_id,
            member_id=membership.pk,
            keys="revoke",
            actor=user,
            ip=ip,
        )
    _forget(user)


def _forget(user: User) -> None:
    for session in UserSession.objects.filter(user=user):
        session.end()
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    # The sweep of exports deletes their files with their rows.
    DataExport.objects.filter(user=user, file="").delete()
    DataExport.objects.filter(user=user).update(expires_at=user.created_at)
    people.pseudonymise(user=user)
