"""Deposits of dollar tokens on EVM chains: what we look for, what we saw, and how far we looked."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.billing.models.payments import Payment, TopUp
from apps.core.tenancy import TenantManager


class DepositAddress(models.Model):
    """An address of the operator's extended public key, given to one top-up and never to another.

    It is good on every chain we watch: what arrives there later, or on another of our chains, is still this
    workspace's.
    """

    index = models.PositiveIntegerField(primary_key=True)
    # Checksummed, as people copy it; compared in lower case.
    address = models.CharField(max_length=42, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    top_up = models.OneToOneField(TopUp, on_delete=models.PROTECT, related_name="deposit_address")
    # What the customer said would come.
    chain = models.CharField(max_length=30)
    token = models.CharField(max_length=20)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        verbose_name_plural = "deposit addresses"

    def __str__(self) -> str:
        return self.address


class Deposit(models.Model):
    """A token transfer to one of our addresses, by chain, transaction and log index.

    `value` counts the token's own smallest units. `is_known_token` says whether it is a token we take; others wait for
    the operator.
    """

    class State(models.TextChoices):
        SEEN = "seen", "Seen"
        CREDITED = "credited", "Credited"
        GONE = "gone", "No longer on the chain"
        CLAWED = "clawed", "Taken back"
        HELD_BACK = "held_back", "Waits for the operator"
        SETTLED = "settled", "Settled by the operator"

    chain = models.CharField(max_length=30)
    # The chain's first block: a test chain that starts anew is another chain.
    genesis = models.CharField(max_length=66)
    tx_hash = models.CharField(max_length=66)
    log_index = models.PositiveIntegerField()
    address = models.ForeignKey(DepositAddress, on_delete=models.PROTECT, related_name="deposits")
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="+")
    token_address = models.CharField(max_length=42)
    token = models.CharField(max_length=20, blank=True, default="")
    value = models.DecimalField(max_digits=78, decimal_places=0)
    points = models.BigIntegerField(default=0)
    block_number = models.PositiveBigIntegerField()
    block_hash = models.CharField(max_length=66)
    confirmations = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.SEEN)
    # Why it waits, or what was decided.
    note = models.CharField(max_length=300, blank=True, default="")
    payment = models.OneToOneField(
        Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="deposit"
    )
    seen_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [
            models.Index(
                fields=["chain", "block_number"],
                condition=Q(state__in=["seen", "credited", "held_back"]),
                name="deposit_to_watch",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "genesis", "tx_hash", "log_index"], name="deposit_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value} {self.token or self.token_address} ({self.state})"


class ChainCursor(models.Model):
    """How far a chain has been read, and what is wrong with it if anything is."""

    chain = models.CharField(max_length=30, primary_key=True)
    genesis = models.CharField(max_length=66, blank=True, default="")
    block_number = models.PositiveBigIntegerField(default=0)
    # Number and hash of the last blocks read, oldest first: [[19, "0x…"], [20, "0x…"]].
    recent = models.JSONField(default=list)
    head_number = models.PositiveBigIntegerField(default=0)
    read_at = models.DateTimeField(null=True, blank=True)
    # Empty while all is well.
    problem = models.CharField(max_length=300, blank=True, default="")
    problem_since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.chain} at {self.block_number}"
