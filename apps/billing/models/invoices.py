"""Invoices and credit notes: written once, never changed."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.billing.models.payments import Payment, Reversal
from apps.core.tenancy import TenantManager


class LegalEntity(models.Model):
    """Who sells. Invoices copy it, so changing it changes no invoice. `next_number` leaves no gaps."""

    slug = models.SlugField(max_length=30, unique=True)
    name = models.CharField(max_length=200)
    # As printed, line by line.
    address = models.TextField(blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    tax_id = models.CharField(max_length=50, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    # Printed below every invoice: register, bank, terms.
    footer = models.TextField(blank=True, default="")
    number_prefix = models.CharField(max_length=20, default="INV-")
    next_number = models.PositiveBigIntegerField(default=1)
    is_default = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "legal entities"
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="legal_entity_one_default"
            ),
            models.UniqueConstraint(fields=["number_prefix"], name="legal_entity_prefix_once"),
        ]

    def __str__(self) -> str:
        return self.name


class BillingProfile(models.Model):
    """Whom the workspace's invoices are made out to."""

    workspace = models.OneToOneField(
        Workspace, primary_key=True, on_delete=models.PROTECT, related_name="billing_profile"
    )
    company = models.CharField(max_length=200, blank=True, default="")
    address = models.TextField(max_length=500, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    tax_id = models.CharField(max_length=50, blank=True, default="")
    # Where invoices go besides the owners and billing members.
    email = models.EmailField(blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    def __str__(self) -> str:
        return self.company or f"profile of #{self.workspace_id}"


class Invoice(models.Model):
    """A document with everything that is printed on it. A trigger refuses every change after its insert.

    Amounts are US dollar points; those of a credit note are negative. A debit note takes back a credit note whose
    refund or dispute came to nothing: documents are answered by documents.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit_note", "Credit note"
        DEBIT_NOTE = "debit_note", "Debit note"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=12, choices=Kind)
    entity = models.ForeignKey(LegalEntity, on_delete=models.PROTECT, related_name="invoices")
    sequence = models.PositiveBigIntegerField()
    number = models.CharField(max_length=50)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="invoices")
    # Of a credit or debit note: which invoice it corrects and because of what.
    corrects = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    reversal = models.ForeignKey(
        Reversal, null=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    seller = models.JSONField()
    buyer = models.JSONField()
    # [{"text", "quantity", "amount_points"}]
    lines = models.JSONField()
    currency = models.CharField(max_length=10, default="usd")
    net_points = models.BigIntegerField()
    tax_points = models.BigIntegerField()
    total_points = models.BigIntegerField()
    paid_by = models.CharField(max_length=100)
    is_test = models.BooleanField(default=False)
    issued_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[TenantManager[Self]] = TenantManager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-issued_at"], name="invoice_newest")]
        constraints = [
            models.UniqueConstraint(fields=["entity", "sequence"], name="invoice_number_once"),
            models.UniqueConstraint(fields=["number"], name="invoice_text_number_once"),
            models.UniqueConstraint(
                fields=["payment"], condition=Q(kind="invoice"), name="invoice_once_per_payment"
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", total_points__gte=0, corrects__isnull=True)
                | Q(kind="credit_note", total_points__lte=0, corrects__isnull=False)
                | Q(kind="debit_note", total_points__gte=0, corrects__isnull=False),
                name="invoice_sign_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(total_points=models.F("net_points") + models.F("tax_points")),
                name="invoice_sums_up",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def main_line(self) -> str:
        """What most of it was for: an upgrade begins with the unused time of the old plan."""
        found = max(self.lines, key=lambda line: abs(line["amount_points"]), default={"text": ""})
        return str(found["text"])
