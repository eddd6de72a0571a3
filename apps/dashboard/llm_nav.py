"""The tabs above the pages of language models."""

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.policies import Permission
from apps.dashboard.billing_nav import Tab
from apps.dashboard.http import DashboardRequest, allowed

_TABS = (
    (gettext_noop("Calls"), "llm_calls", Permission.VIEW_TASKS),
    (gettext_noop("Usage"), "usage", Permission.VIEW_BALANCE),
    (gettext_noop("Content"), "llm_settings", Permission.MANAGE_SETTINGS),
)


def tabs(request: DashboardRequest, current: str) -> list[Tab]:
    """Those that the person's role reaches, in the order of the page."""
    slug = request.workspace.slug
    return [
        Tab(_(name), reverse(f"dashboard:{route}", args=[slug]), route == current)
        for name, route, permission in _TABS
        if allowed(request, permission)
    ]
