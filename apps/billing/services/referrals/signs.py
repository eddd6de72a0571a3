"""What makes a referral look like one person who invites themself.

Networks and browsers are kept as keyed hashes: equal ones can be seen, and nothing else can be read from them.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

from disposable_email_domains import blocklist
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.accounts.models import User
from apps.billing.models import Payment, Referral, ReferralCode
from apps.core.addresses import neighbourhood

# Who shares a network with a stranger's sign-up is worth a look only while that is fresh.
_STRANGERS_DAYS = 30
_MOST_COMPARED = 1_000
_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})


class Flag(StrEnum):
    """Why an operator looks at a referral before it earns anything."""

    SAME_MAIL = "same_mail"
    DISPOSABLE_MAIL = "disposable_mail"
    SAME_ADDRESS = "same_address"
    SAME_DEVICE = "same_device"
    SAME_CARD = "same_card"


FLAG_WORDS = {
    Flag.SAME_MAIL: "The same mailbox as another invitee of this referrer",
    Flag.DISPOSABLE_MAIL: "A throw-away mail domain",
    Flag.SAME_ADDRESS: "The network of the referrer or of another invitee",
    Flag.SAME_DEVICE: "The browser of the referrer or of another invitee",
    Flag.SAME_CARD: "A card that the referrer or another invitee paid with",
}


def address_hash(ip: str) -> bytes | None:
    """Of the /24 or /64 it is in."""
    network = neighbourhood(ip)
    return _hash("address", network) if network else None


def device_hash(device: str | None) -> bytes | None:
    return _hash("device", device) if device else None


def _hash(kind: str, value: str) -> bytes:
    return salted_hmac(f"modelyard.referral.{kind}", value, algorithm="sha256").digest()


def mailbox(email: str) -> str:
    """The address under which the same mailbox is known: no "+tag", and no dots where Google ignores them."""
    local, _, domain = email.strip().lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _WITHOUT_DOTS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def is_disposable(email: str) -> bool:
    """Whether its domain, or one above it, gives mailboxes to anybody for minutes."""
    labels = email.strip().lower().rpartition("@")[2].split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


def of_sign_up(
    *, code: ReferralCode, invitee: User, address: bytes | None, device: bytes | None
) -> list[str]:
    """What is to be seen when the invitee signs up."""
    return [str(flag) for flag in _of_sign_up(code, invitee, address, device)]


def _of_sign_up(
    code: ReferralCode, invitee: User, address: bytes | None, device: bytes | None
) -> Iterator[Flag]:
    if is_disposable(invitee.email):
        yield Flag.DISPOSABLE_MAIL
    if mailbox(invitee.email) in _mailboxes(code):
        yield Flag.SAME_MAIL
    places = {bytes(place) for place in code.places}
    if address and (address in places or _seen_near(code, address)):
        yield Flag.SAME_ADDRESS
    if device and (device in places or _referrals().filter(device_hash=device).exists()):
        yield Flag.SAME_DEVICE


def _referrals() -> QuerySet[Referral]:
    return Referral.objects.across_workspaces()


def _mailboxes(code: ReferralCode) -> set[str]:
    others = _referrals().filter(referrer_id=code.user_id).order_by("-created_at")
    emails = others.values_list("invitee__email", flat=True)[:_MOST_COMPARED]
    return {mailbox(email) for email in emails}


def _seen_near(code: ReferralCode, address: bytes) -> bool:
    recently = timezone.now() - timedelta(days=_STRANGERS_DAYS)
    related = Q(referrer_id=code.user_id) | Q(invitee_id=code.user_id) | Q(created_at__gt=recently)
    return _referrals().filter(related, address_hash=address).exists()


def of_card(payment: Payment) -> list[Referral]:
    """Referrals that this payment's card makes look wrong: the payer's own, and those the payer brought."""
    if not payment.card_fingerprint:
        return []
    payers = Payment.objects.across_workspaces().filter(card_fingerprint=payment.card_fingerprint)
    others = set(
        payers.exclude(workspace_id=payment.workspace_id).values_list("workspace", flat=True)
    )
    if not others:
        return []
    mine = _referrals().filter(invitee_workspace_id=payment.workspace_id)
    suspicious = [one for one in mine if _relatives(one) & others]
    brought = _referrals().filter(
        workspace_id=payment.workspace_id, invitee_workspace_id__in=others
    )
    return [*suspicious, *brought]


def _relatives(referral: Referral) -> set[int]:
    """The referrer's workspace and those of everybody else they brought."""
    siblings = _referrals().filter(referrer_id=referral.referrer_id)
    return {referral.workspace_id, *siblings.values_list("invitee_workspace_id", flat=True)}
