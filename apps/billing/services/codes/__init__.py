"""Redeem codes: how they are written, batches of them, and redeeming one."""

from apps.billing.services.codes.redeeming import InvalidCode, Redeemed, redeem

__all__ = ["InvalidCode", "Redeemed", "redeem"]
