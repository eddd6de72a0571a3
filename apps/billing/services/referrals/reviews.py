"""What an operator decides about a referral that looks wrong."""

from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.billing.models import Referral, ReferralReward
from apps.billing.services.referrals import rewards
from apps.core.errors import InvalidRequest
from apps.core.queue import enqueue
from apps.core.sentences import sentence

Review = Referral.Review
REFUSED = sentence("The sign-up does not count.")


@transaction.atomic
def clear(*, invitee_id: int, actor: User, reason: str) -> Referral:
    """Let it earn after all: what waits is granted when it is due. One that was refused stays refused."""
    referral = _locked(invitee_id, reason)
    if referral.review == Review.REFUSED:
        raise InvalidRequest("It was refused, and its rewards with it.")
    enqueue("billing.rewards")
    return _decided(referral, Review.CLEARED, actor, reason)


@transaction.atomic
def refuse(*, invitee_id: int, actor: User, reason: str) -> Referral:
    """End it: what waits is refused and what was granted is taken back. May be repeated."""
    referral = _locked(invitee_id, reason)
    if referral.review == Review.REFUSED:
        return referral
    mine = ReferralReward.objects.across_workspaces().filter(referral=referral)
    # In the order of the wallets, as every transaction takes them.
    for reward in mine.select_for_update().order_by("workspace_id", "pk"):
        rewards.withdraw(reward=reward, reason=REFUSED)
    return _decided(referral, Review.REFUSED, actor, reason)


def _locked(invitee_id: int, reason: str) -> Referral:
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why.")
    found = Referral.objects.across_workspaces().select_for_update(no_key=True)
    return found.get(pk=invitee_id)


def _decided(referral: Referral, review: Review, actor: User, reason: str) -> Referral:
    referral.review, referral.reviewed_by = review, actor
    referral.review_note = reason.strip()[:200]
    referral.save(update_fields=["review", "reviewed_by", "review_note"])
    # The workspace may read this, so it holds none of our reasons.
    accounts.audit(
        workspace_id=referral.workspace_id,
        actor=actor,
        action=f"referral.{review.value}",
        target=f"invitee {referral.invitee_id}",
    )
    return referral
