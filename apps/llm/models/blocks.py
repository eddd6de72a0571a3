"""What a gateway process holds of a wallet, and the prices it charged by."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.accounts.models import ApiKey, User, Workspace
from apps.core.tenancy import TenantManager


class CreditBlock(models.Model):
    """Points that one gateway process has on lease, to spend on calls of one key (or person) without asking again.

    open → settled. The hold `llm:<id>` in the ledger is the block, whole; its settlement is what the rows of `Usage`
    that name it come to. Rows are only charged to an open block, and whoever settles locks the block first, so the
    sum is final. The holder extends `lease_until`; past it the holder counts as dead and a sweep settles the block.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SETTLED = "settled", "Settled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    api_key = models.ForeignKey(
        ApiKey, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        User, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    gateway = models.CharField(max_length=36)
    points = models.BigIntegerField()
    captured = models.BigIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    # Somebody else needs what is free of it: the holder gives it back as soon as it can.
    is_recalled = models.BooleanField(default=False, db_default=False)
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["lease_until"], condition=Q(state="open"), name="credit_block_open"
            ),
            models.Index(fields=["workspace", "-created_at"], name="credit_block_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(points__gt=0, captured__gte=0, captured__lte=F("points")),
                name="credit_block_captured_within",
            ),
        ]

    def __str__(self) -> str:
        return f"block {self.id} of #{self.workspace_id}: {self.points}"

    @property
    def reference(self) -> str:
        """Its name in the ledger."""
        return f"llm:{self.id}"


class PriceVersion(models.Model):
    """Rates as they were charged, kept once for all calls that name them. Rows are added, never changed.

    `version` is the digest of the rest, so equal prices are one row. `rates` are points per unit as exact decimal text.
    """

    version = models.CharField(primary_key=True, max_length=32)
    model = models.CharField(max_length=100)
    rates = models.JSONField()
    minimum_points = models.BigIntegerField(default=0)
    first_used_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.model} {self.version}"
