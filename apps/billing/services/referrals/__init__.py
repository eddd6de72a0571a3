"""Referrals: who brought whom, what looks wrong about it, and the rewards that follow."""

from apps.billing.services.referrals.rewards import note_payment, note_reversal

__all__ = ["note_payment", "note_reversal"]
