"""People's links, and whose link brought a new person."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.accounts.models import Membership, User, Workspace
from apps.billing.models import Referral, ReferralCode, ReferralReward
from apps.billing.services.referrals import signs
from apps.billing.services.referrals.touches import CODE_LENGTH, Touch
from apps.core.money import points_from_credits

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PLACES_KEPT = 20

Rule, Side = ReferralReward.Rule, ReferralReward.Side


def code_of(*, user: User) -> ReferralCode:
    """The person's link code; the first call makes it."""
    while True:
        found = ReferralCode.objects.filter(user=user).first()
        if found is not None:
            return found
        try:
            with transaction.atomic():
                return ReferralCode.objects.create(user=user, code=_new_code())
        except IntegrityError:
            continue  # made at the same moment, or the word is taken


def _new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))


def note_place(*, user: User, ip: str, device: str | None) -> ReferralCode:
    """Remember where the person looks at their link from: a sign-up from there may be themself."""
    code = code_of(user=user)
    here = [place for place in (signs.address_hash(ip), signs.device_hash(device)) if place]
    if not _unknown(here, code):
        return code
    with transaction.atomic():
        code = ReferralCode.objects.select_for_update().get(user=user)
        if new := _unknown(here, code):
            code.places = [*map(bytes, code.places), *new][-_PLACES_KEPT:]
            code.save(update_fields=["places"])
    return code


def _unknown(here: Sequence[bytes], code: ReferralCode) -> list[bytes]:
    kept = {bytes(place) for place in code.places}
    return [place for place in here if place not in kept]


def note_click(*, code: str) -> None:
    """Count a visit; a code that nobody has is nobody's."""
    ReferralCode.objects.filter(code=code).update(clicks=F("clicks") + 1)


def attribute(
    *, invitee: User, workspace: Workspace, touches: Sequence[Touch], ip: str, device: str | None
) -> Referral | None:
    """Write down whose link brought a person, in the transaction that signs them up.

    The first visit whose code exists counts. Nobody can invite themself, another spelling of their mailbox included.
    Opens the rewards for signing up; they are granted once the address is confirmed and nothing looks wrong.
    """
    found = _first_known(touches)
    if found is None:
        return None
    code, first_touch_at = found
    home = reward_workspace(user=code.user)
    if home is None or _is_same_person(code.user, invitee):
        return None
    address, device_hash = signs.address_hash(ip), signs.device_hash(device)
    flags = signs.of_sign_up(code=code, invitee=invitee, address=address, device=device_hash)
    referral = Referral.objects.create(
        invitee=invitee,
        invitee_workspace=workspace,
        referrer=code.user,
        workspace=home,
        first_touch_at=first_touch_at,
        address_hash=address,
        device_hash=device_hash,
        flags=flags,
        review=Referral.Review.WAITING if flags else Referral.Review.NONE,
    )
    _open_sign_up_rewards(referral)
    return referral


def _first_known(touches: Sequence[Touch]) -> tuple[ReferralCode, datetime] | None:
    known = {
        code.code: code
        for code in ReferralCode.objects.select_related("user").filter(
            code__in=[touch.code for touch in touches], user__is_active=True
        )
    }
    return next(((known[one.code], one.at) for one in touches if one.code in known), None)


def _is_same_person(referrer: User, invitee: User) -> bool:
    return referrer.pk == invitee.pk or signs.mailbox(referrer.email) == signs.mailbox(
        invitee.email
    )


def reward_workspace(*, user: User) -> Workspace | None:
    """Where a person's rewards go: the first workspace they own, or None."""
    owned = Membership.objects.filter(user=user, role=Membership.Role.OWNER)
    first = owned.select_related("workspace").order_by("workspace_id").first()
    return first.workspace if first else None


def _open_sign_up_rewards(referral: Referral) -> None:
    points = points_from_credits(settings.REFERRAL_SIGN_UP_CREDITS)
    if not points:
        return
    now = timezone.now()
    sides = (
        (Side.REFERRER, referral.workspace_id),
        (Side.INVITEE, referral.invitee_workspace_id),
    )
    for side, workspace_id in sides:
        ReferralReward.objects.create(
            referral=referral,
            workspace_id=workspace_id,
            rule=Rule.SIGN_UP,
            side=side,
            points=points,
            due_at=now,
        )
