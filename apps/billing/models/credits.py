"""Credits: a wallet per workspace and the ledger that proves it."""

from typing import ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.accounts.models import ApiKey, User, Workspace
from apps.core.tenancy import TenantManager

# Kinds of ledger lines that are not about a single piece of work; of the others there are millions.
NOT_OF_WORK = [
    "PURCHASE", "GRANT", "REFUND", "CLAWBACK", "REINSTATEMENT", "REPAYMENT", "EXPIRY", "ADJUSTMENT",
]  # fmt: skip


class Wallet(models.Model):
    """A workspace's points.

    `available` is what new work may spend, `held` is promised to work that has not ended, `debt` is owed after a
    reversed payment: whatever comes in or is given back pays it first, so one of `available` and `debt` is zero. All
    three are running totals of `entries`, kept so that a spending decision costs one row lock. Only
    `billing.services` writes them.

    `lots_folded_to` is the last ledger line whose spending the lots have been told of; see `services.lots`.
    """

    workspace = models.OneToOneField(
        Workspace, primary_key=True, on_delete=models.PROTECT, related_name="wallet"
    )
    available = models.BigIntegerField(default=0, db_default=0)
    held = models.BigIntegerField(default=0, db_default=0)
    debt = models.BigIntegerField(default=0, db_default=0)
    lots_folded_to = models.BigIntegerField(default=0, db_default=0)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(available__gte=0), name="wallet_available_not_negative"
            ),
            models.CheckConstraint(condition=Q(held__gte=0), name="wallet_held_not_negative"),
            models.CheckConstraint(condition=Q(debt__gte=0), name="wallet_debt_not_negative"),
        ]

    def __str__(self) -> str:
        return f"wallet of workspace #{self.workspace_id}"


class CreditEntry(models.Model):
    """One line of the ledger. Lines are added, never changed or deleted: a trigger refuses anything else.

    `reference` names the cause ("task:…", "signup", "stripe:…"). A cause moves points at most once per kind, and a hold
    is settled at most once, captured or released; a trigger checks that the settlement fits its hold to the point. So a
    repeated job or a replayed event cannot move points twice.
    """

    class Kind(models.TextChoices):
        PURCHASE = "PURCHASE", "Purchase"
        GRANT = "GRANT", "Grant"
        HOLD = "HOLD", "Hold"
        CAPTURE = "CAPTURE", "Capture"
        RELEASE = "RELEASE", "Release"
        REFUND = "REFUND", "Refund"
        CLAWBACK = "CLAWBACK", "Clawback"
        REINSTATEMENT = "REINSTATEMENT", "Reinstatement"
        REPAYMENT = "REPAYMENT", "Debt repaid"
        EXPIRY = "EXPIRY", "Expiry"
        ADJUSTMENT = "ADJUSTMENT", "Adjustment"

    workspace = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind)
    reference = models.CharField(max_length=100)
    available_delta = models.BigIntegerField()
    held_delta = models.BigIntegerField(default=0, db_default=0)
    debt_delta = models.BigIntegerField(default=0, db_default=0)
    available_after = models.BigIntegerField()
    held_after = models.BigIntegerField()
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    note = models.CharField(max_length=200, blank=True, default="", db_default="")
    actor = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="credit_entry_newest"),
            models.Index(
                fields=["workspace", "-id"],
                condition=Q(kind__in=NOT_OF_WORK),
                name="credit_entry_not_of_work",
            ),
            # The ledger only grows, so this small index finds a day's lines.
            BrinIndex(fields=["created_at"], name="credit_entry_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "reference", "kind"], name="credit_entry_once_per_kind"
            ),
            models.UniqueConstraint(
                fields=["workspace", "reference"],
                condition=Q(kind__in=["CAPTURE", "RELEASE"]),
                name="credit_entry_settled_once",
            ),
            models.CheckConstraint(
                condition=~Q(kind="HOLD")
                | Q(held_delta__gte=0, available_delta=-F("held_delta"), debt_delta=0),
                name="credit_entry_hold_moves_available_to_held",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["CAPTURE", "RELEASE"])
                | Q(
                    held_delta__lte=0,
                    available_delta__gte=0,
                    available_delta__lte=-F("held_delta"),
                    debt_delta=0,
                ),
                name="credit_entry_settlement_within_hold",
            ),
            models.CheckConstraint(
                condition=~Q(kind="RELEASE") | Q(available_delta=-F("held_delta")),
                name="credit_entry_release_gives_all_back",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["PURCHASE", "GRANT", "REFUND", "REINSTATEMENT"])
                | Q(available_delta__gte=0, held_delta=0, debt_delta__lte=0),
                name="credit_entry_income_is_positive",
            ),
            models.CheckConstraint(
                condition=~Q(kind="CLAWBACK")
                | Q(available_delta__lte=0, held_delta=0, debt_delta__gte=0),
                name="credit_entry_clawback_takes",
            ),
            models.CheckConstraint(
                condition=~Q(kind="REPAYMENT")
                | Q(available_delta__lte=0, held_delta=0, debt_delta=F("available_delta")),
                name="credit_entry_repayment_moves_available_to_debt",
            ),
            models.CheckConstraint(
                condition=~Q(kind="EXPIRY") | Q(available_delta__lte=0, held_delta=0, debt_delta=0),
                name="credit_entry_expiry_takes",
            ),
            models.CheckConstraint(
                condition=~Q(kind="ADJUSTMENT") | ~Q(note=""),
                name="credit_entry_adjustment_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference} (#{self.pk})"


class CreditLot(models.Model):
    """What one income line brought, and what is left of it.

    Spending takes from the lot that expires first, and among equals from the oldest. The hot path does not write lots:
    `remaining` follows from the ledger lines up to `Wallet.lots_folded_to`, and `services.lots` brings it up to date
    before anything expires. `expires_at` empty: never.
    """

    entry = models.OneToOneField(
        CreditEntry, primary_key=True, on_delete=models.PROTECT, related_name="lot"
    )
    workspace = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="lots")
    points = models.BigIntegerField()
    remaining = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True, blank=True)
    # When its owner was told that it is about to expire.
    warned_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["workspace", "expires_at"],
                condition=Q(remaining__gt=0),
                name="credit_lot_with_rest",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(remaining__gt=0, expires_at__isnull=False),
                name="credit_lot_expiring",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("points")),
                name="credit_lot_rest_within_lot",
            ),
        ]

    def __str__(self) -> str:
        return f"lot of line {self.pk}: {self.remaining} of {self.points}"


class CapSpend(models.Model):
    """What a key, a member or a workspace with a cap has used in a period: "total", "2026-11" or "2026-11-21" (UTC).

    Counts holds when they are placed, and gives back what a settlement frees. A row is made at the first capped spend
    of its period, from the ledger, so setting a cap later counts what was spent before. `subject_id` is the id of the
    key, the membership or the workspace.
    """

    class Scope(models.TextChoices):
        WORKSPACE = "workspace", "Workspace"
        MEMBER = "member", "Member"
        KEY = "key", "API key"

    scope = models.CharField(max_length=10, choices=Scope)
    subject_id = models.BigIntegerField()
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    period = models.CharField(max_length=10)
    points = models.BigIntegerField()
    # The highest share of the cap, in percent, that people were told of.
    warned_percent = models.PositiveSmallIntegerField(default=0, db_default=0)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject_id", "period"], name="cap_spend_once"
            ),
            models.CheckConstraint(condition=Q(points__gte=0), name="cap_spend_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} #{self.subject_id} {self.period}: {self.points}"


class BalanceAlert(models.Model):
    """That a workspace was told of its low balance, once: the row goes when the balance is above the mark again."""

    class Kind(models.TextChoices):
        LOW = "low", "Low balance"
        EXHAUSTED = "exhausted", "Credits exhausted"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    told_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind"], name="balance_alert_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of #{self.workspace_id}"
