"""Redeem codes a workspace has used."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.billing.models import RedeemCode

_SHOWN = 20


@dataclass(frozen=True)
class Used:
    """A code that was redeemed, and until when its credits last (None: for ever)."""

    id: int
    shown_prefix: str
    points: int
    redeemed_at: datetime
    expires_at: datetime | None


def used_codes(*, workspace_id: int) -> list[Used]:
    """The newest ones, last redeemed first."""
    codes = RedeemCode.objects.of(workspace_id).select_related("batch")
    return [_used(code) for code in codes.order_by("-redeemed_at", "-pk")[:_SHOWN]]


def _used(code: RedeemCode) -> Used:
    days = code.batch.credits_last_days
    # A code that belongs to a workspace was redeemed.
    redeemed_at: datetime = code.redeemed_at  # type: ignore[assignment]
    return Used(
        id=code.pk,
        shown_prefix=code.shown_prefix,
        points=code.batch.points,
        redeemed_at=redeemed_at,
        expires_at=redeemed_at + timedelta(days=days) if days else None,
    )
