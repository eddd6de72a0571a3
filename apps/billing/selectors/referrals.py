"""A workspace's referrals as its people see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Sum

from apps.billing.models import Referral, ReferralReward

State = ReferralReward.State
Review = Referral.Review
MOST_SHOWN = 200


@dataclass(frozen=True)
class Invitee:
    """Somebody who came; `mail` is masked, `rewards` are the referrer's."""

    mail: str
    joined_at: datetime
    is_checked: bool
    is_refused: bool
    rewards: Sequence[ReferralReward]


@dataclass(frozen=True)
class Sums:
    """Points of the workspace's referrer rewards."""

    earned: int
    waiting: int
    reversed: int


def masked(email: str) -> str:
    """ "a…@e….com": enough to recognise whom one knows, and no address."""
    local, _, domain = email.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{ending}"


def invitees(*, workspace_id: int) -> list[Invitee]:
    """Those whose rewards go to this workspace, newest first, at most `MOST_SHOWN`."""
    mine = ReferralReward.objects.of(workspace_id).filter(side=ReferralReward.Side.REFERRER)
    found = (
        Referral.objects.of(workspace_id)
        .select_related("invitee")
        .prefetch_related(Prefetch("rewards", mine.order_by("pk"), to_attr="mine"))
        .order_by("-created_at", "-pk")[:MOST_SHOWN]
    )
    return [_invitee(referral) for referral in found]


def _invitee(referral: Referral) -> Invitee:
    return Invitee(
        mail=masked(referral.invitee.email),
        joined_at=referral.created_at,
        is_checked=referral.review == Review.WAITING,
        is_refused=referral.review == Review.REFUSED,
        rewards=getattr(referral, "mine", ()),
    )


def sums(*, workspace_id: int) -> Sums:
    """Of the rewards for bringing people; what one got as an invitee is not among them."""
    mine = ReferralReward.objects.of(workspace_id).filter(side=ReferralReward.Side.REFERRER)
    by_state = dict(mine.values_list("state").annotate(sum=Sum("points")).order_by())
    return Sums(
        earned=by_state.get(State.GRANTED, 0),
        waiting=by_state.get(State.WAITING, 0),
        reversed=by_state.get(State.REVERSED, 0),
    )
