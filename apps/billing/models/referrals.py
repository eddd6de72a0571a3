"""Who brought whom, and what they got for it."""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.billing.models.payments import Payment
from apps.core.tenancy import TenantManager


class ReferralCode(models.Model):
    """The word in a person's link `/r/<code>`.

    `places` are keyed hashes of the networks and browsers the person looked at their link from, newest last: a sign-up
    from one of them may be the person again.
    """

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="referral_code"
    )
    code = models.CharField(max_length=16, unique=True)
    clicks = models.PositiveIntegerField(default=0, db_default=0)
    places = ArrayField(models.BinaryField(max_length=32), default=list, size=20, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """A person who signed up through somebody's link. Once per person, for good.

    `address_hash` and `device_hash` are keyed hashes of where the sign-up came from: enough to see that two are the
    same, and nothing more. `flags` says what looks wrong; a flagged one earns nothing until the operator clears it.
    """

    class Review(models.TextChoices):
        NONE = "none", "Nothing found"
        WAITING = "waiting", "Waits for the operator"
        CLEARED = "cleared", "Cleared"
        REFUSED = "refused", "Refused"

    invitee = models.OneToOneField(
        User, primary_key=True, on_delete=models.CASCADE, related_name="referral"
    )
    invitee_workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    referrer = models.ForeignKey(User, on_delete=models.CASCADE, related_name="referrals")
    # Where the referrer's rewards go.
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="referrals")
    first_touch_at = models.DateTimeField()
    address_hash = models.BinaryField(max_length=32, null=True)
    device_hash = models.BinaryField(max_length=32, null=True)
    flags = ArrayField(models.CharField(max_length=30), default=list, size=10)
    review = models.CharField(max_length=10, choices=Review, default=Review.NONE)
    reviewed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    review_note = models.CharField(max_length=200, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="referral_newest"),
            models.Index(fields=["address_hash"], name="referral_by_address"),
            models.Index(fields=["device_hash"], name="referral_by_device"),
        ]

    def __str__(self) -> str:
        return f"{self.referrer_id} brought {self.invitee_id}"


class ReferralReward(models.Model):
    """One reward by one rule: waits until its payment has settled for the set days, then is granted once.

    `workspace` is who gets it. A rule rewards once per invitee and side.
    """

    class Rule(models.TextChoices):
        SIGN_UP = "sign_up", "Sign-up"
        FIRST_TOP_UP = "first_top_up", "First top-up"
        FIRST_SUBSCRIPTION = "first_subscription", "First subscription"

    class Side(models.TextChoices):
        REFERRER = "referrer", "Referrer"
        INVITEE = "invitee", "Invitee"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        GRANTED = "granted", "Granted"
        REVERSED = "reversed", "Taken back"
        REFUSED = "refused", "Refused"

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="rewards")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=20, choices=Rule)
    side = models.CharField(max_length=10, choices=Side)
    points = models.BigIntegerField()
    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    # Why it was refused or taken back, in words for the referrer.
    reason = models.CharField(max_length=200, blank=True, default="")
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="referral_reward_due"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["referral", "rule", "side"], name="referral_reward_once"
            ),
            models.CheckConstraint(condition=Q(points__gt=0), name="referral_reward_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} for {self.side} of {self.referral_id} ({self.state})"
