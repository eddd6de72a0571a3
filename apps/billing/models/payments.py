"""Money that comes in, and what its providers say about it.

Amounts are points too (10,000,000 = US$1), so that a cent (100,000 points) and a token's sixth decimal (10 points) are
both whole numbers. Customers pay in US dollars or in tokens that stand for one.
"""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.accounts.models import User, Workspace
from apps.core.tenancy import TenantManager


class Provider(models.TextChoices):
    """Who moves the money."""

    STRIPE = "stripe", "Card"
    EVM = "evm", "Crypto"
    BTCPAY = "btcpay", "BTCPay Server"


class PaymentCustomer(models.Model):
    """A workspace as Stripe knows it, with the card that is charged when nobody is there."""

    workspace = models.OneToOneField(
        Workspace, primary_key=True, on_delete=models.PROTECT, related_name="payment_customer"
    )
    ref = models.CharField(max_length=100, unique=True)
    # The saved card, as it may be shown: "visa", "4242", 8, 2030. Empty: none.
    card_ref = models.CharField(max_length=100, blank=True, default="")
    card_brand = models.CharField(max_length=30, blank=True, default="")
    card_last4 = models.CharField(max_length=4, blank=True, default="")
    card_exp_month = models.PositiveSmallIntegerField(null=True, blank=True)
    card_exp_year = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    def __str__(self) -> str:
        return f"card of #{self.workspace_id}"


class TopUp(models.Model):
    """Somebody's wish to pay, and how far it has come. Credits come from a settled `Payment`, never from here.

    `client_key` comes with the form, so that a form sent twice is one top-up. `amount_points` is what shall be
    credited; what is charged may hold tax on top.
    """

    class Kind(models.TextChoices):
        MANUAL = "manual", "By hand"
        AUTO = "auto", "Automatic"

    class State(models.TextChoices):
        CREATED = "created", "Waiting for payment"
        PROCESSING = "processing", "Being paid"
        NEEDS_ACTION = "needs_action", "Needs confirmation"
        CREDITED = "credited", "Credited"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"
        CANCELLED = "cancelled", "Cancelled"

    OPEN = (State.CREATED, State.PROCESSING, State.NEEDS_ACTION)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="top_ups")
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.MANUAL)
    provider = models.CharField(max_length=10, choices=Provider)
    client_key = models.CharField(max_length=64)
    amount_points = models.BigIntegerField()
    state = models.CharField(max_length=14, choices=State, default=State.CREATED)
    # The provider's object: a Checkout Session, a PaymentIntent, an invoice of BTCPay. Empty until it is made.
    ref = models.CharField(max_length=200, blank=True, default="")
    # Where the customer pays, while that is possible.
    pay_url = models.TextField(blank=True, default="")
    # Why it failed, in words for the customer.
    failure = models.CharField(max_length=300, blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    # When a job is to look at it again.
    next_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="top_up_newest"),
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="top_up_to_look_at"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "client_key"], name="top_up_once"),
            models.UniqueConstraint(
                fields=["provider", "ref"], condition=~Q(ref=""), name="top_up_ref_once"
            ),
            # Automatic top-ups never overlap.
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(kind="auto", state__in=["created", "processing", "needs_action"]),
                name="top_up_one_automatic_at_a_time",
            ),
            models.CheckConstraint(condition=Q(amount_points__gt=0), name="top_up_positive"),
        ]

    def __str__(self) -> str:
        return f"top-up {self.pk} ({self.state})"


class Payment(models.Model):
    """Money that has arrived, once per movement at its provider.

    `ref` is the provider's name of the movement: a PaymentIntent, a transfer's chain, hash and log index.
    `credit_points` is what it brought to the wallet, `clawed_points` how much of that was taken back; both are proved
    against the ledger. `changes` numbers the ledger lines of its reversals.
    """

    class Kind(models.TextChoices):
        TOP_UP = "top_up", "Top-up"
        SUBSCRIPTION = "subscription", "Subscription"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="payments")
    kind = models.CharField(max_length=14, choices=Kind)
    provider = models.CharField(max_length=10, choices=Provider)
    ref = models.CharField(max_length=200)
    top_up = models.ForeignKey(
        TopUp, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    currency = models.CharField(max_length=10, default="usd")
    # What was paid, in US dollar points: without tax, and the tax.
    amount_points = models.BigIntegerField()
    tax_points = models.BigIntegerField(default=0)
    credit_points = models.BigIntegerField(default=0)
    clawed_points = models.BigIntegerField(default=0, db_default=0)
    changes = models.PositiveIntegerField(default=0, db_default=0)
    # "Visa ending in 4242", "USDC on Base": how it is named on documents.
    method = models.CharField(max_length=100, blank=True, default="")
    # Recognises a card across workspaces without saying which it is.
    card_fingerprint = models.CharField(max_length=64, blank=True, default="")
    # What it paid for, line by line: [{"text", "quantity", "amount_points"}].
    lines = models.JSONField(default=list)
    is_test = models.BooleanField(default=False)
    paid_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="payment_newest"),
            models.Index(
                fields=["card_fingerprint"],
                condition=~Q(card_fingerprint=""),
                name="payment_by_card",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["provider", "ref"], name="payment_once"),
            models.CheckConstraint(
                condition=Q(
                    amount_points__gte=0,
                    tax_points__gte=0,
                    credit_points__gte=0,
                    clawed_points__gte=0,
                    clawed_points__lte=F("credit_points"),
                ),
                name="payment_amounts_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.pk} ({self.provider} {self.ref})"

    @property
    def total_points(self) -> int:
        """What was paid, tax included."""
        return self.amount_points + self.tax_points


class Reversal(models.Model):
    """Money of a payment that went back: a refund, a dispute, a transfer that a reorganised chain no longer has.

    `is_in_effect` is the provider's present word: a failed refund and a dispute we won are not. `amount_points` holds
    tax. The clawback follows from the sum of what is in effect, never from the order in which we heard of it.
    """

    class Kind(models.TextChoices):
        REFUND = "refund", "Refund"
        DISPUTE = "dispute", "Dispute"
        REORG = "reorg", "Chain reorganisation"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="reversals")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind)
    ref = models.CharField(max_length=200)
    amount_points = models.BigIntegerField()
    is_in_effect = models.BooleanField()
    # The provider's word for where it stands: "succeeded", "needs_response", "won".
    status = models.CharField(max_length=40, blank=True, default="")
    reason = models.CharField(max_length=300, blank=True, default="")
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payment", "kind", "ref"], name="reversal_once"),
            models.CheckConstraint(condition=Q(amount_points__gte=0), name="reversal_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref} of {self.payment_id}"


class RefundRequest(models.Model):
    """A refund an operator asked for, before and after the provider was told. Above a limit a second person approves.

    Its id is the idempotency key at the provider; the money's way back is then a `Reversal` like any other.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Waits for a second person"
        APPROVED = "approved", "To be sent"
        SENT = "sent", "Sent to the provider"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refund_requests")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    amount_points = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    failure = models.CharField(max_length=300, blank=True, default="")
    ref = models.CharField(max_length=200, blank=True, default="")
    asked_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_points__gt=0), name="refund_positive"),
            models.CheckConstraint(condition=~Q(reason=""), name="refund_says_why"),
        ]

    def __str__(self) -> str:
        return f"refund of {self.payment_id} ({self.state})"


class InboundEvent(models.Model):
    """What a payment provider told us, as it came: kept first, understood by a job later.

    An event is only a hint: the job asks the provider for the object it names and acts on that. Events nobody can
    match stay here, where the operator sees them.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Of no interest"
        UNMATCHED = "unmatched", "Unmatched"
        FAILED = "failed", "Failed"

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=10, choices=Provider)
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=100)
    # The provider's object it speaks of.
    object_ref = models.CharField(max_length=200, blank=True, default="")
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    next_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    error = models.CharField(max_length=500, blank=True, default="")
    # What the operator decided about an unmatched one.
    note = models.CharField(max_length=300, blank=True, default="")
    resolved_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    happened_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_at"], condition=Q(next_at__isnull=False), name="inbound_event_due"
            ),
            models.Index(fields=["state", "-id"], name="inbound_event_by_state"),
            models.Index(fields=["object_ref"], name="inbound_event_by_object"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="inbound_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} ({self.state})"


class AutoTopUp(models.Model):
    """When to charge the saved card by itself. Limits count US dollar points on UTC days and months."""

    workspace = models.OneToOneField(
        Workspace, primary_key=True, on_delete=models.PROTECT, related_name="auto_top_up"
    )
    is_on = models.BooleanField(default=False)
    threshold_points = models.BigIntegerField()
    amount_points = models.BigIntegerField()
    daily_cap_points = models.BigIntegerField()
    monthly_cap_points = models.BigIntegerField()
    # Why we switched it off, in words for the owner. Empty while nothing is wrong.
    stopped_reason = models.CharField(max_length=300, blank=True, default="")
    last_started_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    threshold_points__gte=0,
                    amount_points__gt=0,
                    daily_cap_points__gte=F("amount_points"),
                    monthly_cap_points__gte=F("daily_cap_points"),
                ),
                name="auto_top_up_limits_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"auto top-up of #{self.workspace_id}"
