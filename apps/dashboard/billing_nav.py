"""The tabs above every page about money: those that exist and that the person's role reaches."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from apps.accounts.models import Membership
from apps.accounts.policies import Permission, may


@dataclass(frozen=True)
class Tab:
    name: str
    url: str
    is_current: bool


# Words, route, and what a role needs to see it. A route that starts like a tab's belongs to it.
_TABS = (
    ("Overview", "billing", Permission.VIEW_BALANCE),
    ("Top up", "billing_topup", Permission.MANAGE_BILLING),
    ("Plans", "billing_plans", Permission.VIEW_BILLING),
    ("Invoices", "billing_invoices", Permission.VIEW_BILLING),
    ("Transactions", "billing_transactions", Permission.VIEW_BALANCE),
    ("Usage", "usage", Permission.VIEW_BALANCE),
    ("Budgets", "billing_budgets", Permission.MANAGE_SETTINGS),
    ("Redeem", "billing_redeem", Permission.MANAGE_BILLING),
    ("Referral", "billing_referral", Permission.VIEW_BILLING),
)


def tabs(request: HttpRequest, membership: Membership) -> list[Tab]:
    """In the order of the page."""
    match = request.resolver_match
    current = match.url_name if match else ""
    slug = membership.workspace.slug
    found = []
    for name, route, permission in _TABS:
        if not may(membership.role, permission):
            continue
        try:
            url = reverse(f"dashboard:{route}", args=[slug])
        except NoReverseMatch:
            continue
        is_current = current == route or (
            route != "billing" and (current or "").startswith(f"{route}_")
        )
        found.append(Tab(name, url, is_current))
    return found
