"""Every module that registers handlers of events or settlers of payments: importing this registers them all."""

from apps.billing.services import btcpay, card_events
from apps.billing.services.auto_topup import events as auto_topup_events
from apps.billing.services.subscriptions import events as subscription_events

__all__ = ["auto_topup_events", "btcpay", "card_events", "subscription_events"]
