"""Turning a code into credits, once, and telling guesses apart from nothing.

Unknown, redeemed and voided codes get the same words after the same one look-up. Only who holds a code that would work
learns more: that it has expired, is for another plan, or that this person has had one.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.billing import words as kept
from apps.billing.models import RedeemCode
from apps.billing.services import movements
from apps.billing.services.codes import words
from apps.core import throttling
from apps.core.addresses import neighbourhood
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

log = logging.getLogger(__name__)

_HOUR = 3_600


class InvalidCode(InvalidRequest):
    """Unknown, redeemed or voided: one answer, so that nobody learns which."""


@dataclass(frozen=True)
class Redeemed:
    """What a code brought."""

    code_id: int
    points: int
    expires_at: datetime | None


def reference(code_id: int) -> str:
    """How the ledger names it."""
    return f"code:{code_id}"


def redeem(
    *, workspace: Workspace, user: User | None, text: str, ip: str, counts_as: str = ""
) -> Redeemed:
    """Credit what the code is worth to the workspace: once, however many try at once.

    Raises InvalidCode, InvalidRequest when a good code does not fit, and RateLimited after too many wrong ones from
    this person, or `counts_as` where there is none, or from this network.
    """
    tries = _count(f"user:{user.pk}" if user else counts_as or f"workspace:{workspace.pk}", ip)
    try:
        redeemed = _redeem(workspace, user, text, ip)
    except InvalidCode:
        raise
    except Exception:
        _forgive(tries)
        raise
    _forgive(tries)
    return redeemed


def _count(person: str, ip: str) -> list[throttling.Allowance]:
    limits = {
        f"redeem:{person}": settings.REDEEM_TRIES_PER_HOUR,
        f"redeem:ip:{neighbourhood(ip)}": settings.REDEEM_TRIES_PER_HOUR,
        "redeem:all": settings.REDEEM_ALARM_PER_HOUR,
    }
    tries = [
        throttling.count_try(caller=caller, limit=limit, window_seconds=_HOUR)
        for caller, limit in limits.items()
    ]
    for allowance in tries[:2]:
        allowance.require()
    # All together are never refused: one attacker with many addresses must not lock out the customers.
    if tries[2].used == settings.REDEEM_ALARM_PER_HOUR + 1:
        log.error("redeem codes are being guessed", extra={"tries": tries[2].used})
    return tries


def _forgive(tries: list[throttling.Allowance]) -> None:
    for allowance in tries:
        throttling.forgive(allowance)


def _redeem(workspace: Workspace, user: User | None, text: str, ip: str) -> Redeemed:
    code = _looked_up(text)
    now = timezone.now()
    _check(code, workspace, now)
    with transaction.atomic():
        if code.batch.is_once_per_user:
            _check_first(code, workspace, user)
        _claim(code, workspace, user, now)
        return _credit(code, workspace, user, ip, now)


def _looked_up(text: str) -> RedeemCode:
    codes = RedeemCode.objects.across_workspaces().select_related("batch")
    code = codes.filter(digest=words.digest(text)).first()
    if code is None or code.redeemed_at or code.voided_at or code.batch.voided_at:
        raise _invalid()
    return code


def _invalid() -> InvalidCode:
    return InvalidCode(sentence("This code is not valid."), detail={"field": "code"})


def _check(code: RedeemCode, workspace: Workspace, now: datetime) -> None:
    batch = code.batch
    if batch.expires_at is not None and batch.expires_at <= now:
        raise InvalidRequest(sentence("This code has expired."), detail={"field": "code"})
    if batch.plan and batch.plan != workspace.plan:
        raise InvalidRequest(
            sentence("This code is for the {plan} plan.", plan=batch.get_plan_display()),
            detail={"field": "code"},
        )


def _check_first(code: RedeemCode, workspace: Workspace, user: User | None) -> None:
    """A person redeems one of a batch; where nobody is known, a workspace does. The lock keeps two from passing."""
    who = {"redeemed_by": user} if user else {"workspace": workspace}
    name = f"redeem:{code.batch_id}:{user.pk if user else ''}:{workspace.pk if not user else ''}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 0))", [name])
    batch = RedeemCode.objects.across_workspaces().filter(batch_id=code.batch_id)
    if batch.filter(**who).exists():
        raise InvalidRequest(
            sentence("You have redeemed a code of this kind before."), detail={"field": "code"}
        )


def _claim(code: RedeemCode, workspace: Workspace, user: User | None, now: datetime) -> None:
    codes = RedeemCode.objects.across_workspaces().filter(pk=code.pk)
    free = codes.filter(redeemed_at=None, voided_at=None)
    if not free.update(redeemed_at=now, redeemed_by=user, workspace=workspace):
        raise _invalid()


def _credit(
    code: RedeemCode, workspace: Workspace, user: User | None, ip: str, now: datetime
) -> Redeemed:
    days = code.batch.credits_last_days
    expires_at = now + timedelta(days=days) if days else None
    accounts.audit(
        workspace_id=workspace.pk,
        actor=user,
        action="code.redeemed",
        target=f"{code.shown_prefix}…",
        ip=ip or None,
        detail={"points": code.batch.points},
    )
    movements.grant(
        workspace_id=workspace.pk,
        points=code.batch.points,
        reference=reference(code.pk),
        note=kept.of_code(prefix=code.shown_prefix),
        expires_at=expires_at,
        actor=user,
    )
    return Redeemed(code.pk, code.batch.points, expires_at)
