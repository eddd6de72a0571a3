"""Invitations: a mail with a token makes whoever has that address a member, once.

Who calls these sends the mail, in the same transaction. Everything takes the workspace's lock first, so that the
limits count and an invitation ends in one way only.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import models, transaction
from django.utils import timezone

from apps.accounts.models import AuditEvent, Invitation, Membership, User, Workspace
from apps.accounts.services.auditing import audit
from apps.accounts.services.members import GIVEN_ROLES
from apps.core.errors import DomainError, InvalidRequest, NotFound, RateLimited
from apps.core.sentences import sentence

LIVES = timedelta(days=7)
# Mails that a workspace may have us send in 24 hours: a team's worth, and no spammer's.
MOST_A_DAY = 30
MOST_MEMBERS = 500
_LONGEST_ADDRESS = 254
_SENT = ("invitation.sent", "invitation.resent")


class InvitationEnded(DomainError):
    """It was used, revoked or has expired; which one is in the message."""


class WrongPerson(DomainError):
    """The invitation is for another address."""


@transaction.atomic
def invite(
    *, workspace_id: int, email: str, role: str, actor: User, ip: str | None = None
) -> tuple[Invitation, str]:
    """An invitation and its token, which exists nowhere else from here on.

    One that has expired is renewed. Raises InvalidRequest for an address that is a member or invited already, and
    RateLimited.
    """
    email = email.strip()
    _check(email, role)
    workspace = _locked(workspace_id)
    members = Membership.objects.filter(workspace=workspace)
    if members.filter(user__email__iexact=email).exists():
        raise InvalidRequest.field("email", sentence("This person is a member already."))
    if members.count() >= MOST_MEMBERS:
        raise InvalidRequest(
            sentence("A workspace has at most {count} members.", count=MOST_MEMBERS)
        )
    opened = _open(workspace_id).filter(email__iexact=email).first()
    if opened is not None and opened.state == "open":
        raise InvalidRequest.field(
            "email", sentence("This address is invited already. Send it again below.")
        )
    _check_pace(workspace_id)
    invitation = opened or Invitation(workspace=workspace, email=email)
    invitation.role, invitation.invited_by = role, actor
    token = _renew(invitation)
    _note(invitation, actor, "invitation.sent", ip)
    return invitation, token


@transaction.atomic
def resend(
    *, workspace_id: int, invitation_id: int, actor: User, ip: str | None = None
) -> tuple[Invitation, str]:
    """Another token for an open or expired invitation; the one before works no longer.

    Raises NotFound, InvitationEnded and RateLimited.
    """
    _locked(workspace_id)
    invitation = _found(workspace_id, invitation_id)
    if invitation.state in {"accepted", "revoked"}:
        raise InvitationEnded(_WORDS[invitation.state])
    _check_pace(workspace_id)
    token = _renew(invitation)
    _note(invitation, actor, "invitation.resent", ip)
    return invitation, token


@transaction.atomic
def revoke(
    *, workspace_id: int, invitation_id: int, actor: User, ip: str | None = None
) -> Invitation:
    """Its link works no longer. Safe to repeat. Raises NotFound, and InvitationEnded when it was accepted before."""
    _locked(workspace_id)
    invitation = _found(workspace_id, invitation_id)
    if invitation.accepted_at is not None:
        raise InvitationEnded(_WORDS["accepted"])
    if invitation.revoked_at is None:
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        _note(invitation, actor, "invitation.revoked", ip)
    return invitation


@transaction.atomic
def accept(
    *, token: str, user: User, addresses: Collection[str], ip: str | None = None
) -> Membership:
    """Make the person a member. `addresses` are those they have.

    Raises NotFound for an unknown token, InvitationEnded, and WrongPerson when the invitation is for somebody else.
    Safe to repeat for who accepted it, while they are a member. Who is a member already keeps the role they have.
    """
    workspace_id = invitation_by_token(token=token).workspace_id
    _locked(workspace_id)
    # Again under the lock: somebody may have used, revoked or renewed it since.
    invitation = invitation_by_token(token=token)
    memberships = Membership.objects.select_related("workspace")
    mine = memberships.filter(workspace_id=workspace_id, user=user).first()
    if invitation.accepted_by_id == user.pk and mine is not None:
        return mine
    if invitation.state != "open":
        raise InvitationEnded(_WORDS[invitation.state])
    if not is_for(invitation, addresses=addresses):
        raise WrongPerson(sentence("This invitation is for another address than yours."))
    if mine is None:
        mine = Membership.objects.create(
            workspace=invitation.workspace, user=user, role=invitation.role
        )
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    _note(invitation, user, "invitation.accepted", ip)
    return mine


def invitation_by_token(*, token: str) -> Invitation:
    """Raises NotFound."""
    found = (
        Invitation.objects.across_workspaces()
        .select_related("workspace", "invited_by")
        .filter(digest=_digest(token))
        .first()
    )
    if found is None:
        raise NotFound("There is no such invitation.")
    return found


def is_for(invitation: Invitation, *, addresses: Collection[str]) -> bool:
    """Whether one of the addresses is the invited one, in whatever letter case."""
    return invitation.email.lower() in {address.lower() for address in addresses}


_WORDS = {
    "accepted": sentence("This invitation was accepted before. Each works once."),
    "revoked": sentence("This invitation was withdrawn."),
    "expired": sentence("This invitation has expired. Ask for another one."),
}


def _check(email: str, role: str) -> None:
    try:
        validate_email(email)
        MaxLengthValidator(_LONGEST_ADDRESS)(email)
    except ValidationError:
        raise InvalidRequest.field("email", sentence("This is no e-mail address.")) from None
    if role not in GIVEN_ROLES:
        words = sentence("Choose one of {roles}.", roles=", ".join(GIVEN_ROLES))
        raise InvalidRequest.field("role", words)


def _check_pace(workspace_id: int) -> None:
    since = timezone.now() - timedelta(days=1)
    sent = AuditEvent.objects.of(workspace_id).filter(action__in=_SENT, created_at__gt=since)
    if sent.count() >= MOST_A_DAY:
        raise RateLimited(
            sentence(
                "A workspace sends at most {count} invitations in 24 hours. Try again tomorrow.",
                count=MOST_A_DAY,
            ),
            retry_after=3600,
        )


def _locked(workspace_id: int) -> Workspace:
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def _open(workspace_id: int) -> models.QuerySet[Invitation]:
    rows = Invitation.objects.of(workspace_id)
    return rows.filter(accepted_at__isnull=True, revoked_at__isnull=True)


def _found(workspace_id: int, invitation_id: int) -> Invitation:
    rows = Invitation.objects.of(workspace_id).select_related("workspace", "invited_by")
    invitation = rows.filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound("There is no such invitation.")
    return invitation


def _renew(invitation: Invitation) -> str:
    token = secrets.token_urlsafe(32)
    invitation.digest = _digest(token)
    invitation.sent_at = timezone.now()
    invitation.expires_at = invitation.sent_at + LIVES
    invitation.save()
    return token


def _digest(token: str) -> bytes:
    """256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def _note(invitation: Invitation, actor: User, action: str, ip: str | None) -> None:
    audit(
        workspace_id=invitation.workspace_id,
        actor=actor,
        action=action,
        target=invitation.email,
        ip=ip,
        detail={"role": invitation.role},
    )
