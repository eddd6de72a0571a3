"""Celery entry points of money, by part. Each calls one service; all of them may run twice or at once."""

from apps.billing.jobs import budgets, crypto, invoices, lots, payments, referrals, subscriptions  # noqa: F401 - their jobs register themselves
