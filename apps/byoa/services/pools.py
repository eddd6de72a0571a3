"""Which pool a workspace's tasks run in, family by family: its own accounts or the public one."""

from typing import Any

from django.conf import settings
from django.db import transaction

from apps.accounts import selectors as accounts
from apps.accounts.models import User, Workspace
from apps.accounts.services import audit
from apps.byoa.selectors import FAILOVER_FAMILIES, SeatFamily, family_title, seat_families
from apps.catalog import registry as catalog
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

__all__ = [
    "SeatFamily",
    "family_title",
    "seat_families",
    "set_failover",
    "set_private",
    "set_skip_flagged",
]


def set_private(
    *, workspace: Workspace, actor: User | None, ip: str | None, family: str, is_on: bool
) -> None:
    """Run the family's tasks on own accounts unless a request says otherwise. Needs no seat: then they are refused."""
    if family not in settings.SEAT_PRICES and family not in catalog.families():
        raise InvalidRequest.field(
            "family", sentence("There are no seats for {family}.", family=repr(family[:30]))
        )
    _switch("private_families", "pool.private", workspace, actor, ip, family=family, is_on=is_on)


def set_failover(
    *, workspace: Workspace, actor: User | None, ip: str | None, family: str, is_on: bool
) -> None:
    """Let the family's private tasks go to the public pool, at its price, when no own account can serve."""
    if family not in FAILOVER_FAMILIES:
        known = ", ".join(sorted(FAILOVER_FAMILIES))
        words = sentence("Only these fail over: {families}.", families=known)
        raise InvalidRequest.field("family", words)
    _switch("failover_families", "pool.failover", workspace, actor, ip, family=family, is_on=is_on)


@transaction.atomic
def set_skip_flagged(
    *, workspace: Workspace, actor: User | None, ip: str | None, is_on: bool
) -> None:
    """Keep Suno tasks off accounts that Suno has flagged."""
    row = _locked(workspace)
    if row.skips_flagged_suno != is_on:
        row.skips_flagged_suno = is_on
        row.save(update_fields=["skips_flagged_suno", "updated_at"])
        _audit(row, actor, ip, "pool.skip_flagged", {"family": "suno", "is_on": is_on})
    workspace.skips_flagged_suno = is_on


@transaction.atomic
def _switch(
    name: str,
    action: str,
    workspace: Workspace,
    actor: User | None,
    ip: str | None,
    *,
    family: str,
    is_on: bool,
) -> None:
    row = _locked(workspace)
    before = set(getattr(row, name))
    after = before | {family} if is_on else before - {family}
    if after != before:
        setattr(row, name, sorted(after))
        row.save(update_fields=[name, "updated_at"])
        _audit(row, actor, ip, action, {"family": family, "is_on": is_on})
        # Identities carry it.
        transaction.on_commit(accounts.forget_believed_keys)
    setattr(workspace, name, sorted(after))


def _locked(workspace: Workspace) -> Workspace:
    return Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)


def _audit(
    workspace: Workspace, actor: User | None, ip: str | None, action: str, detail: dict[str, Any]
) -> None:
    audit(
        workspace_id=workspace.pk,
        actor=actor,
        action=action,
        target=str(detail["family"]),
        ip=ip,
        detail=detail,
    )
