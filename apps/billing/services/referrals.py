"""Referrals and their rewards."""

from apps.billing.models import Payment


def note_payment(*, payment: Payment) -> None:
    """Open the rewards that follow from a settled payment, in the transaction that records it."""


def note_reversal(*, payment: Payment) -> None:
    """Take back or refuse the rewards of a payment that was reversed, in the transaction that records it."""
