"""Members of a workspace: their roles, their leaving, and who owns it.

A workspace has one owner; ownership moves by `transfer` only. Everything here takes the workspace's lock first, so two
changes at once come one after the other.
"""

from typing import Literal, get_args

from django.db import transaction
from django.utils import timezone

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.accounts.services.auditing import audit
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence

Role = Membership.Role
# What becomes of the keys that a person made and who go.
KeysOfLeaver = Literal["revoke", "hand_over"]
GIVEN_ROLES = [role for role in Role.values if role != Role.OWNER]


@transaction.atomic
def change_role(
    *, workspace_id: int, member_id: int, role: str, actor: User, ip: str | None = None
) -> Membership:
    """Raises NotFound for a member of another workspace, InvalidRequest for the owner. Safe to repeat."""
    member = _locked(workspace_id, member_id)
    if role not in GIVEN_ROLES:
        words = sentence("Choose one of {roles}.", roles=", ".join(GIVEN_ROLES))
        raise InvalidRequest.field("role", words)
    if member.role == Role.OWNER:
        raise InvalidRequest(sentence("The owner stays owner until somebody else is made owner."))
    if member.role == role:
        return member
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="member.role_changed",
        target=member.user.email,
        ip=ip,
        detail={"before": before, "after": role},
    )
    return member


@transaction.atomic
def remove(
    *,
    workspace_id: int,
    member_id: int,
    keys: KeysOfLeaver,
    actor: User,
    ip: str | None = None,
) -> None:
    """End a membership, of somebody else or one's own (leaving). Tasks and what they cost stay with the workspace.

    `keys`: the live keys they made are revoked, or belong to `actor` from now on. Who leaves can only revoke.
    Raises NotFound, also the second time, and InvalidRequest for the owner.
    """
    member = _locked(workspace_id, member_id)
    if member.role == Role.OWNER:
        raise InvalidRequest(sentence("The owner cannot go. Make somebody else owner first."))
    is_leaving = member.user_id == actor.pk
    if keys not in get_args(KeysOfLeaver) or (is_leaving and keys != "revoke"):
        raise InvalidRequest.field("keys", sentence("Choose what becomes of their keys."))
    count = _end_keys(workspace_id, member.user_id, keys, actor)
    detail = {"role": member.role, "keys": count, "keys_were": keys}
    action = "member.left" if is_leaving else "member.removed"
    target = member.user.email
    member.delete()
    audit(
        workspace_id=workspace_id, actor=actor, action=action, target=target, ip=ip, detail=detail
    )
    transaction.on_commit(selectors.forget_believed_keys)


@transaction.atomic
def transfer(*, workspace_id: int, member_id: int, actor: User, ip: str | None = None) -> None:
    """Make a member the owner; who was it becomes an admin. Raises NotFound and InvalidRequest.

    Only the owner can: of two clicks, or two tabs with two names, the second one finds that it is no longer theirs.
    """
    heir = _locked(workspace_id, member_id)
    members = Membership.objects.filter(workspace_id=workspace_id)
    owner = members.filter(role=Role.OWNER, user=actor).first()
    if owner is None:
        raise InvalidRequest(sentence("Only the owner makes somebody else owner."))
    if heir.pk == owner.pk:
        raise InvalidRequest(sentence("You own this workspace already."))
    if not heir.user.is_active:
        raise InvalidRequest(sentence("This person is switched off and cannot own a workspace."))
    owner.role, heir.role = Role.ADMIN, Role.OWNER
    owner.save(update_fields=["role"])
    heir.save(update_fields=["role"])
    audit(
        workspace_id=workspace_id,
        actor=actor,
        action="workspace.transferred",
        target=heir.user.email,
        ip=ip,
        detail={"before": actor.email, "after": heir.user.email},
    )


def _locked(workspace_id: int, member_id: int) -> Membership:
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    members = Membership.objects.filter(workspace_id=workspace_id).select_related("user")
    member = members.filter(pk=member_id).first()
    if member is None:
        raise NotFound("There is no such member.")
    return member


def _end_keys(workspace_id: int, user_id: int, keys: KeysOfLeaver, actor: User) -> int:
    live = ApiKey.objects.of(workspace_id).filter(created_by_id=user_id, revoked_at__isnull=True)
    if keys == "hand_over":
        return live.update(created_by=actor)
    return live.update(revoked_at=timezone.now(), revoked_by=actor)
