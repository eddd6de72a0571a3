"""Everything about money: credits, plans, payments, documents, rewards."""

from apps.billing.models.codes import AdjustmentRequest, CodeBatch, RedeemCode
from apps.billing.models.credits import BalanceAlert, CapSpend, CreditEntry, CreditLot, Wallet
from apps.billing.models.crypto import ChainCursor, Deposit, DepositAddress
from apps.billing.models.invoices import BillingProfile, Invoice, LegalEntity
from apps.billing.models.payments import (
    AutoTopUp,
    InboundEvent,
    Payment,
    PaymentCustomer,
    Provider,
    RefundRequest,
    Reversal,
    TopUp,
)
from apps.billing.models.referrals import Referral, ReferralCode, ReferralReward
from apps.billing.models.subscriptions import Seats, StripePrice, Subscription

__all__ = [
    "AdjustmentRequest",
    "AutoTopUp",
    "BalanceAlert",
    "BillingProfile",
    "CapSpend",
    "ChainCursor",
    "CodeBatch",
    "CreditEntry",
    "CreditLot",
    "Deposit",
    "DepositAddress",
    "InboundEvent",
    "Invoice",
    "LegalEntity",
    "Payment",
    "PaymentCustomer",
    "Provider",
    "RedeemCode",
    "Referral",
    "ReferralCode",
    "ReferralReward",
    "RefundRequest",
    "Reversal",
    "Seats",
    "StripePrice",
    "Subscription",
    "TopUp",
    "Wallet",
]
