"""Celery entry points of money, by part. Each calls one service; all of them may run twice or at once."""

# Their jobs register themselves.
from apps.billing.jobs import (  # noqa: F401
    auto_topup,
    budgets,
    crypto,
    invoices,
    lots,
    payments,
    referrals,
    subscriptions,
)
