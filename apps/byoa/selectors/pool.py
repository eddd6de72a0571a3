"""The operator's accounts as their operator sees them."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Now

from apps.byoa.models import Account


@dataclass(frozen=True)
class Overview:
    """An account as its operator sees it: slots in use, and tasks taken today (UTC). Nothing in it is secret."""

    account: Account
    in_use: int
    today: int

    def as_json(self) -> dict[str, Any]:
        shown = {name: getattr(self.account, name) for name in _SHOWN}
        has_key = bool(self.account.credential)
        return {**shown, "has_credential": has_key, "in_use": self.in_use, "today": self.today}


_SHOWN = (
    "id", "provider", "label", "base_url", "families", "weight", "slots", "requests_per_minute", "daily_cap",
    "active_from", "active_to", "time_zone", "is_paused", "status", "status_reason", "status_since", "resume_at",
    "failures",
)  # fmt: skip


def pool_overview() -> list[Overview]:
    """The operator's accounts, oldest first."""
    rows = (
        Account.objects.across_workspaces()
        .filter(workspace=None)
        .annotate(now=Now(), in_use=Count("leases", filter=Q(leases__expires_at__gt=Now())))
        .order_by("id")
    )
    return [
        Overview(row, row.in_use, row.day_count if row.day == row.now.date() else 0) for row in rows
    ]
