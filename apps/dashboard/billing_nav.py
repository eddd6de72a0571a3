"""The tabs above every page about money: those that exist and that the person's role reaches."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Membership
from apps.accounts.policies import Permission, may


@dataclass(frozen=True)
class Tab:
    name: str
    url: str
    is_current: bool


# Words, route, and what a role needs to see it. A route that starts like a tab's belongs to it.
_TABS = (
    (gettext_noop("Overview"), "billing", Permission.VIEW_BALANCE),
    (gettext_noop("Top up"), "billing_topup", Permission.MANAGE_BILLING),
    (gettext_noop("Plans"), "billing_plans", Permission.VIEW_BILLING),
    (gettext_noop("Invoices"), "billing_invoices", Permission.VIEW_BILLING),
    (gettext_noop("Transactions"), "billing_transactions", Permission.VIEW_BALANCE),
    (gettext_noop("Usage"), "usage", Permission.VIEW_BALANCE),
    (gettext_noop("Budgets"), "billing_budgets", Permission.MANAGE_SETTINGS),
    (gettext_noop("Redeem"), "billing_redeem", Permission.MANAGE_BILLING),
    (gettext_noop("Referral"), "billing_referral", Permission.VIEW_BILLING),
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
        found.append(Tab(_(name), url, is_current))
    return found
