"""Corrections of a balance by hand. Small ones at once; a second person approves what is above the limit.

Each is one ledger line "adjustment:<id>". What one operator corrected alone in a workspace today counts against the
limit, up and down alike, so that splitting a large correction makes it no smaller.
"""

import uuid
from datetime import UTC, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum
from django.db.models.functions import Abs
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing.models import AdjustmentRequest
from apps.billing.services import movements
from apps.core.errors import DomainError, InvalidRequest, NotFound

State = AdjustmentRequest.State
MOST_POINTS = 10**12  # $100,000


class NotYours(DomainError):
    """Only staff correct balances, and nobody approves what they asked for themself."""

    type = "scope_denied"


def reference(adjustment: AdjustmentRequest) -> str:
    """How the ledger names it."""
    return f"adjustment:{adjustment.pk}"


@transaction.atomic
def ask(
    *,
    workspace_id: int,
    points: int,
    reason: str,
    actor: User,
    evidence: str = "",
    credits_last_days: int | None = None,
) -> AdjustmentRequest:
    """Correct a balance up or down: done at once within the limit, else it waits for a second person.

    Raises InvalidRequest without a reason, and when it would be done now and take the balance below zero.
    """
    _check_staff(actor)
    _check(points, reason, credits_last_days)
    if not Workspace.objects.filter(pk=workspace_id).exists():
        raise NotFound("There is no such workspace.")
    _one_at_a_time(actor, workspace_id)
    is_direct = alone_today(workspace_id=workspace_id, actor=actor) + abs(points) <= limit()
    adjustment = AdjustmentRequest.objects.create(
        workspace_id=workspace_id,
        points=points,
        reason=reason.strip()[:200],
        evidence=evidence.strip()[:300],
        credits_last_days=credits_last_days,
        asked_by=actor,
    )
    if is_direct:
        _do(adjustment, actor)
    else:
        _note(adjustment, actor, "adjustment.asked")
    return adjustment


def limit() -> int:
    """Points that one person may correct alone in a workspace and day."""
    return int(settings.ADJUSTMENT_APPROVAL_POINTS)


def _check_staff(actor: User) -> None:
    if not (actor.is_staff and actor.is_active):
        raise NotYours("Only operators correct balances.")


def _check(points: int, reason: str, credits_last_days: int | None) -> None:
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why the balance is corrected.")
    if points == 0 or abs(points) > MOST_POINTS:
        raise InvalidRequest.field("points", "More than nothing, and $100,000 at most.")
    if credits_last_days is not None and (points < 0 or not 1 <= credits_last_days <= 3_650):
        raise InvalidRequest.field(
            "credits_last_days", "1 to 3650 days, for credits that are given; or empty."
        )


def _one_at_a_time(actor: User, workspace_id: int) -> None:
    """Two requests of one person must not both find the limit unused."""
    name = f"adjustment:{actor.pk}:{workspace_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 0))", [name])


def alone_today(*, workspace_id: int, actor: User) -> int:
    """Points this person has corrected alone in the workspace since midnight UTC, up and down added."""
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    alone = AdjustmentRequest.objects.of(workspace_id).filter(
        asked_by=actor, decided_by=F("asked_by"), state=State.DONE, decided_at__gte=midnight
    )
    return int(alone.aggregate(sum=Sum(Abs("points")))["sum"] or 0)


def _do(adjustment: AdjustmentRequest, actor: User) -> None:
    now = timezone.now()
    days = adjustment.credits_last_days
    _decided(adjustment, State.DONE, actor)
    _note(adjustment, actor, "adjustment.done")
    movements.adjust(
        workspace_id=adjustment.workspace_id,
        points=adjustment.points,
        reference=reference(adjustment),
        note=adjustment.reason,
        actor=adjustment.asked_by,
        expires_at=now + timedelta(days=days) if days else None,
    )


def _decided(adjustment: AdjustmentRequest, state: State, actor: User, note: str = "") -> None:
    adjustment.state, adjustment.decided_by, adjustment.decided_at = state, actor, timezone.now()
    adjustment.decision_note = note.strip()[:200]
    adjustment.save(update_fields=["state", "decided_by", "decided_at", "decision_note"])


def _note(adjustment: AdjustmentRequest, actor: User, action: str) -> None:
    accounts.audit(
        workspace_id=adjustment.workspace_id,
        actor=actor,
        action=action,
        target=reference(adjustment),
        detail={"points": adjustment.points, "reason": adjustment.reason},
    )


@transaction.atomic
def approve(*, adjustment_id: uuid.UUID, actor: User) -> AdjustmentRequest:
    """Do what another person asked for. Raises NotYours and InvalidRequest (decided before, or below zero)."""
    adjustment = _open(adjustment_id, actor)
    if adjustment.asked_by_id == actor.pk:
        raise NotYours("A second person must approve it.")
    _do(adjustment, actor)
    return adjustment


@transaction.atomic
def refuse(*, adjustment_id: uuid.UUID, actor: User, note: str) -> AdjustmentRequest:
    """Say no, or take one's own request back. Raises InvalidRequest when it was decided before or without a note."""
    adjustment = _open(adjustment_id, actor)
    if not note.strip():
        raise InvalidRequest.field("note", "Say why.")
    _decided(adjustment, State.REFUSED, actor, note)
    _note(adjustment, actor, "adjustment.refused")
    return adjustment


def _open(adjustment_id: uuid.UUID, actor: User) -> AdjustmentRequest:
    _check_staff(actor)
    found = AdjustmentRequest.objects.across_workspaces().select_for_update()
    adjustment = found.filter(pk=adjustment_id).first()
    if adjustment is None:
        raise NotFound("There is no such request.")
    if adjustment.state != State.ASKED:
        raise InvalidRequest(f"It was decided before: {adjustment.get_state_display().lower()}.")
    return adjustment
