"""Invoices and credit notes."""

from apps.billing.models import Payment, Reversal


def issue(*, payment: Payment) -> None:
    """The invoice of a payment, in the transaction that records it."""


def correct(*, reversal: Reversal) -> None:
    """The credit note of a reversal, in the transaction that records it."""
