"""The tabs above the pages of language models."""

from django.urls import reverse

from apps.accounts.policies import Permission
from apps.dashboard.billing_nav import Tab
from apps.dashboard.http import DashboardRequest, allowed

_TABS = (
    ("Calls", "llm_calls", Permission.VIEW_TASKS),
    ("Usage", "usage", Permission.VIEW_BALANCE),
    ("Content", "llm_settings", Permission.MANAGE_SETTINGS),
)


def tabs(request: DashboardRequest, current: str) -> list[Tab]:
    """Those that the person's role reaches, in the order of the page."""
    slug = request.workspace.slug
    return [
        Tab(name, reverse(f"dashboard:{route}", args=[slug]), route == current)
        for name, route, permission in _TABS
        if allowed(request, permission)
    ]
