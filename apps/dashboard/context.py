"""What every template may use. Everything that costs a query is looked up only when a template asks for it."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from apps.accounts.models import Membership
from apps.accounts.policies import PERMISSIONS
from apps.core import brand
from apps.dashboard import strips
from apps.dashboard.billing_nav import tabs
from apps.dashboard.http import DashboardRequest, money_of
from apps.notifications.announcements import for_strip
from apps.notifications.selectors import MOST_UNREAD, unread_count

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


def site(request: HttpRequest) -> dict[str, Any]:
    """The installation's name and looks, the person's theme, and in a workspace its navigation data."""
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    found: dict[str, Any] = {
        "SITE_NAME": settings.SITE_NAME,
        "SITE_TAGLINE": settings.SITE_TAGLINE,
        "SITE_LINKS": settings.SITE_LINKS,
        "LOGO_URL": brand.logo_url(),
        "BRAND_URL": f"{reverse('site:brand_css')}?v={brand.version()}"
        if settings.SITE_COLOUR
        else "",
        "BASE_URL": settings.BASE_URL,
        "TEST_PAYMENTS": settings.TEST_PAYMENTS,
        "theme": theme if theme in THEMES else "auto",
        "announcement": SimpleLazyObject(for_strip),
        "shared_picture": SimpleLazyObject(brand.shared_picture_url),
    }
    membership: Membership | None = getattr(request, "membership", None)
    if membership is not None:
        found |= _workspace(request, membership)
    return found


def _workspace(request: HttpRequest, membership: Membership) -> dict[str, Any]:
    workspace = membership.workspace
    money: Any = SimpleLazyObject(lambda: money_of(cast(DashboardRequest, request)))
    return {
        "workspace": workspace,
        "membership": membership,
        "may": dict.fromkeys(PERMISSIONS[membership.role], True),
        "money": money,
        "wallet": SimpleLazyObject(lambda: money.wallet),
        "strip": SimpleLazyObject(lambda: strips.worst(membership=membership, money=money)),
        "unread": SimpleLazyObject(lambda: _unread(membership)),
        "my_memberships": cast(DashboardRequest, request).memberships,
        "billing_tabs": SimpleLazyObject(lambda: tabs(request, membership)),
    }


def _unread(membership: Membership) -> str:
    """How many notifications are new to the person: "" for none, "100+" for very many."""
    count = unread_count(workspace_id=membership.workspace_id, user_id=membership.user_id)
    return f"{count}{'+' if count == MOST_UNREAD else ''}" if count else ""
