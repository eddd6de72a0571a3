"""Rewards: opened by sign-ups and settled payments, granted when they have held, taken back when the payment goes back.

Each reward is granted at most once, by ledger line "reward:<id>", and taken back at most once under the same name.
A payment counts as gone when half of it or more went back: what is left is then still worth more than its reward.
Locks: the payment, the referrer's code, the referral, its reward, and the wallet last.
"""

import logging
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from apps.accounts import plans
from apps.billing import words
from apps.billing.models import Payment, Referral, ReferralCode, ReferralReward, Reversal
from apps.billing.services import movements
from apps.billing.services.referrals import signs
from apps.core.money import points_from_credits
from apps.core.sentences import Sentence, sentence

log = logging.getLogger(__name__)

Rule, Side, State = ReferralReward.Rule, ReferralReward.Side, ReferralReward.State
Review = Referral.Review
_EARNING = (Review.NONE, Review.CLEARED)
_AT_ONCE = 500
WENT_BACK = sentence("The payment went back.")
_RULES: dict[str, Sentence] = {
    Rule.SIGN_UP: sentence("sign-up"),
    Rule.FIRST_TOP_UP: sentence("first top-up"),
    Rule.FIRST_SUBSCRIPTION: sentence("first subscription"),
}
CAP_REACHED = sentence("Your plan rewards no more sign-ups.")


def reference(reward_id: int) -> str:
    """How the ledger names it."""
    return f"reward:{reward_id}"


# --------------------------------------------------------------------------------- opening
def note_payment(*, payment: Payment) -> None:
    """Open the reward that follows from a settled payment, in the transaction that records it."""
    _flag_same_cards(payment)
    if payment.amount_points <= 0:
        return
    referral = _referrals().filter(invitee_workspace_id=payment.workspace_id).first()
    if referral is None or referral.review == Review.REFUSED:
        return
    rule, credits = _rule_of(payment)
    if not credits:
        return
    # A second payment of the kind finds the first one's reward and opens none.
    ReferralReward.objects.bulk_create(
        [
            ReferralReward(
                referral=referral,
                workspace_id=referral.workspace_id,
                rule=rule,
                side=Side.REFERRER,
                points=points_from_credits(credits),
                payment=payment,
                due_at=timezone.now() + timedelta(days=settings.REFERRAL_HOLD_DAYS),
            )
        ],
        ignore_conflicts=True,
    )


def _rule_of(payment: Payment) -> tuple[ReferralReward.Rule, int]:
    if payment.kind == Payment.Kind.TOP_UP:
        return Rule.FIRST_TOP_UP, settings.REFERRAL_FIRST_TOP_UP_CREDITS
    return Rule.FIRST_SUBSCRIPTION, settings.REFERRAL_FIRST_SUBSCRIPTION_CREDITS


def _flag_same_cards(payment: Payment) -> None:
    for invitee_id in sorted(referral.pk for referral in signs.of_card(payment)):
        _flag(invitee_id, signs.Flag.SAME_CARD)


def _flag(invitee_id: int, flag: signs.Flag) -> None:
    referral = _referrals().select_for_update(no_key=True).get(pk=invitee_id)
    if flag in referral.flags:
        return
    referral.flags = [*referral.flags, str(flag)]
    # What was cleared before was cleared without knowing this; what was refused stays so.
    if referral.review != Review.REFUSED:
        referral.review = Review.WAITING
    referral.save(update_fields=["flags", "review"])


def _referrals() -> QuerySet[Referral]:
    return Referral.objects.across_workspaces()


def _rewards() -> QuerySet[ReferralReward]:
    return ReferralReward.objects.across_workspaces()


# -------------------------------------------------------------------------------- granting
def grant_due() -> int:
    """Grant every reward whose time has come and of which nothing looks wrong; how many. Safe to run twice or at once.

    Sign-up rewards wait until the invitee has confirmed an e-mail address.
    """
    confirmed = EmailAddress.objects.filter(user=OuterRef("referral__invitee"), verified=True)
    due = _rewards().filter(
        ~Q(rule=Rule.SIGN_UP) | Exists(confirmed),
        state=State.WAITING,
        due_at__lte=timezone.now(),
        referral__review__in=_EARNING,
        referral__invitee__is_active=True,
        workspace__is_enabled=True,
    )
    ids = list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:_AT_ONCE])
    return sum(_granted(reward_id) for reward_id in ids)


def _granted(reward_id: int) -> bool:
    try:
        return grant(reward_id=reward_id)
    except Exception:  # one that cannot be granted must not keep the others waiting
        log.exception("reward not granted", extra={"reward": reward_id})
        return False


@transaction.atomic
def grant(*, reward_id: int) -> bool:
    """Grant one that waits, unless its referral or payment no longer allows it. Says whether points moved."""
    seen = _rewards().select_related("referral").get(pk=reward_id)
    if seen.payment_id is not None:
        Payment.objects.across_workspaces().select_for_update().get(pk=seen.payment_id)
    if seen.rule == Rule.SIGN_UP and seen.side == Side.REFERRER:
        # Counting against the cap: one at a time for a referrer.
        ReferralCode.objects.select_for_update().get(user_id=seen.referral.referrer_id)
    referral = _referrals().select_for_update(no_key=True).get(pk=seen.referral_id)
    reward = _rewards().select_for_update().get(pk=reward_id)
    if reward.state != State.WAITING or referral.review not in _EARNING:
        return False
    if _is_over_cap(reward, referral):
        _end(reward, State.REFUSED, CAP_REACHED)
        return False
    _end(reward, State.GRANTED, "")
    return movements.grant(
        workspace_id=reward.workspace_id,
        points=reward.points,
        reference=reference(reward.pk),
        note=words.of_referral(what=_RULES[reward.rule]),
    )


def _is_over_cap(reward: ReferralReward, referral: Referral) -> bool:
    if reward.rule != Rule.SIGN_UP or reward.side != Side.REFERRER:
        return False
    earned = _rewards().filter(
        referral__referrer_id=referral.referrer_id,
        rule=Rule.SIGN_UP,
        side=Side.REFERRER,
        state__in=(State.GRANTED, State.REVERSED),
    )
    return earned.count() >= plans.terms_of_workspace(referral.workspace).referral_cap


def _end(reward: ReferralReward, state: ReferralReward.State, reason: str) -> None:
    reward.state, reward.reason = state, reason
    reward.save(update_fields=["state", "reason", "updated_at"])


# -------------------------------------------------------------------------------- reversing
def note_reversal(*, payment: Payment) -> None:
    """Take back or refuse the rewards of a payment that went back, in the transaction that records it.

    When it comes back (a dispute was won), what was refused for it waits anew; what was granted and taken back stays
    taken back.
    """
    ids = list(_rewards().filter(payment=payment).values_list("referral_id", flat=True))
    for referral in _referrals().select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"):
        for reward in _rewards().select_for_update().filter(payment=payment, referral=referral):
            _follow(reward, referral, is_gone=_is_gone(payment))


def _is_gone(payment: Payment) -> bool:
    in_effect = Reversal.objects.of(payment.workspace_id).filter(payment=payment, is_in_effect=True)
    back = in_effect.aggregate(sum=Sum("amount_points"))["sum"] or 0
    return back > 0 and 2 * back >= payment.total_points


def _follow(reward: ReferralReward, referral: Referral, *, is_gone: bool) -> None:
    if is_gone:
        withdraw(reward=reward, reason=WENT_BACK)
    elif reward.state == State.REFUSED and referral.review != Review.REFUSED:
        reward.due_at = max(reward.due_at, timezone.now())
        reward.save(update_fields=["due_at"])
        _end(reward, State.WAITING, "")


def withdraw(*, reward: ReferralReward, reason: str) -> None:
    """Refuse a reward that waits, take back one that was granted. The caller holds its lock."""
    if reward.state == State.WAITING:
        _end(reward, State.REFUSED, reason)
    elif reward.state == State.GRANTED:
        _end(reward, State.REVERSED, reason)
        movements.claw_back(
            workspace_id=reward.workspace_id,
            points=reward.points,
            reference=reference(reward.pk),
            note=words.of_referral(what=reason)[:200],
        )
