"""The state of the money on one page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def overview(request: DashboardRequest) -> HttpResponse:
    """Balance, plan, and what comes next."""
    return render(request, "dashboard/billing/overview.html")
