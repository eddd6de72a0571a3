"""What a workspace pays by the month: its plan and its seats. `accounts.PlanVersion` says what a plan is."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import PlanVersion, Workspace
from apps.core.tenancy import TenantManager


class Subscription(models.Model):
    """A workspace's one subscription at Stripe, as we last read it there, and what we owe it because of it.

    `plan_version` is what the workspace has now, `next_version` what it will have after the paid period (a downgrade).
    """

    class State(models.TextChoices):
        INCOMPLETE = "incomplete", "Waiting for the first payment"
        ACTIVE = "active", "Active"
        PAST_DUE = "past_due", "Payment failed"
        ENDED = "ended", "Ended"

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="subscriptions")
    ref = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=12, choices=State)
    # Empty: seats without a plan.
    plan_version = models.ForeignKey(
        PlanVersion, null=True, on_delete=models.PROTECT, related_name="+"
    )
    next_version = models.ForeignKey(
        PlanVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    cancels_at_period_end = models.BooleanField(default=False)
    period_starts_at = models.DateTimeField(null=True, blank=True)
    period_ends_at = models.DateTimeField(null=True, blank=True)
    # Since when a renewal is unpaid, and the last day of dunning (0, 3, 7) the owner was written to.
    past_due_since = models.DateTimeField(null=True, blank=True)
    dunned_day = models.SmallIntegerField(null=True, blank=True)
    # Where the owner pays or confirms an open invoice.
    pay_url = models.TextField(blank=True, default="")
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(state__in=["incomplete", "active", "past_due"]),
                name="subscription_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.ref} ({self.state})"


class Seats(models.Model):
    """Rented places for own accounts of a family, as quantities on the subscription."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="seats")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    family = models.CharField(max_length=30)
    quantity = models.PositiveIntegerField()
    # A smaller number that counts from the next period on.
    next_quantity = models.PositiveIntegerField(null=True, blank=True)
    # What was agreed, a month: the first seat, and each further one.
    first_points = models.BigIntegerField()
    further_points = models.BigIntegerField()

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        verbose_name_plural = "seats"
        constraints = [
            models.UniqueConstraint(fields=["subscription", "family"], name="seats_once"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.family}"


class StripePrice(models.Model):
    """The recurring price at Stripe that stands for a plan version or a seat, so that each is made once."""

    # "plan:premium:1", "seat:midjourney:further:60000000".
    key = models.CharField(max_length=100, primary_key=True)
    ref = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.key
