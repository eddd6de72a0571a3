"""The first page of a workspace: is it working, what am I spending."""

from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.dashboard import charts
from apps.dashboard.decorators import in_workspace
from apps.dashboard.first_hour import first_hour, hide
from apps.dashboard.http import DashboardRequest
from apps.tasks import selectors

_CHART_DAYS = 14
_NEWEST = 8


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def overview(request: DashboardRequest) -> HttpResponse:
    """Balance, spend, success and the newest tasks. htmx asks the same URL for the moving part."""
    workspace_id = request.workspace.pk
    page = selectors.newest_tasks(workspace_id=workspace_id, limit=_NEWEST)
    context = {
        "tasks": page.items,
        "unfinished": any(not task.is_finished for task in page.items),
        "running": selectors.unfinished_counts(workspace_id=workspace_id),
        **_usage(workspace_id),
    }
    if request.htmx:
        return render(request, "dashboard/overview/_live.html", context)
    context["first_hour"] = first_hour(request)
    return render(request, "dashboard/overview/page.html", context)


@require_POST
@in_workspace(Permission.VIEW_TASKS)
def hide_first_hour(request: DashboardRequest) -> HttpResponse:
    """Put the list of first steps away, for this browser."""
    answer = redirect("dashboard:overview", slug=request.workspace.slug)
    name, seconds = hide(request)
    answer.set_cookie(
        name, "1", max_age=seconds, httponly=True, samesite="Lax", secure=request.is_secure()
    )
    return answer


def _usage(workspace_id: int) -> dict[str, object]:
    now = timezone.now()
    today = charts.day_start(now)
    spends = selectors.spend_by_day(
        workspace_id=workspace_id, since=today - timedelta(days=_CHART_DAYS - 1)
    )
    last_day, of_today, of_month = selectors.usage_since(
        workspace_id=workspace_id,
        since=[now - timedelta(hours=24), today, today.replace(day=1)],
        until=now,
    )
    return {
        "spend": charts.spend_by_day(spends, until=today.date(), days=_CHART_DAYS),
        "today": of_today,
        "month": of_month,
        "last_day": last_day,
        "success": charts.percentage(last_day.completed, last_day.completed + last_day.failed),
    }
