"""Credits an operator gives: redeem codes, and corrections by hand."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Plan, User, Workspace
from apps.core.tenancy import TenantManager


class CodeBatch(models.Model):
    """A campaign: so many codes of so many points each.

    `sealed_codes` is sealed, and only until it was exported.
    """

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8)
    points = models.BigIntegerField()
    count = models.PositiveIntegerField()
    # Until when they can be redeemed, and for how long the credits then last. Empty: for ever.
    expires_at = models.DateTimeField(null=True, blank=True)
    credits_last_days = models.PositiveIntegerField(null=True, blank=True)
    # A person redeems at most one code of the batch.
    is_once_per_user = models.BooleanField(default=True)
    # Only workspaces of this plan; empty: all.
    plan = models.CharField(max_length=16, choices=Plan, blank=True, default="")
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    # The plain codes exist until this moment, sealed, and nowhere afterwards.
    exported_at = models.DateTimeField(null=True, blank=True)
    sealed_codes = models.TextField(blank=True, default="")
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "code batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, count__gt=0), name="code_batch_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sealed_to(self) -> str:
        """What the plain codes are bound to."""
        return f"codebatch:{self.pk}"


class RedeemCode(models.Model):
    """A code, as its SHA-256 and the first characters people search by. Its 130 random bits need no slow hash.

    It belongs to no workspace until one redeems it.
    """

    batch = models.ForeignKey(CodeBatch, on_delete=models.PROTECT, related_name="codes")
    digest = models.BinaryField(max_length=32, unique=True)
    shown_prefix = models.CharField(max_length=16, db_index=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    redeemed_at = models.DateTimeField(null=True, blank=True)
    redeemed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    workspace = models.ForeignKey(
        Workspace, null=True, on_delete=models.PROTECT, related_name="redeemed_codes"
    )

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["batch", "id"], name="redeem_code_of_batch")]

    def __str__(self) -> str:
        return f"{self.shown_prefix}…"


class AdjustmentRequest(models.Model):
    """A correction an operator asks for. Above a limit a second person approves; then it is one ledger line."""

    class State(models.TextChoices):
        ASKED = "asked", "Waits for a second person"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    points = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    # A ticket, a mail: where the story can be read.
    evidence = models.CharField(max_length=300, blank=True, default="")
    # Given points may expire.
    credits_last_days = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decision_note = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(points=0), name="adjustment_moves_something"),
            models.CheckConstraint(condition=~Q(reason=""), name="adjustment_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.points} for #{self.workspace_id} ({self.state})"
