"""Reading money, by part; the most used is here."""

from apps.billing.selectors.credits import (
    Imbalance,
    broken_balances,
    entries_of,
    imbalances,
    wallet,
)
from apps.billing.selectors.people import recipients

__all__ = [
    "Imbalance",
    "broken_balances",
    "entries_of",
    "imbalances",
    "recipients",
    "wallet",
]
