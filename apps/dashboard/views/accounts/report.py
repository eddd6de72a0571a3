"""The data report of an own account: what ran there by day, and what went wrong."""

from decimal import Decimal

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.dashboard import downloads
from apps.dashboard.account_pages import Report
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest
from apps.dashboard.views.accounts.common import account_of
from apps.tasks.selectors import account_report
from apps.tasks.selectors.account_report import AccountDay

_SPANS = (30, 90)


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def report(request: DashboardRequest, family: str, account_id: int) -> HttpResponse:
    """Whole UTC days up to today."""
    found = account_of(request, family, account_id)
    days = _asked(request)
    context = {
        "account": found,
        "days": days,
        "spans": [(span, _("{count} days").format(count=span), f"days={span}") for span in _SPANS],
        "report": Report(_days(request, account_id, days)),
    }
    return render(request, "dashboard/accounts/report.html", context)


@require_safe
@in_workspace(Permission.VIEW_ACCOUNTS)
def report_csv(request: DashboardRequest, family: str, account_id: int) -> StreamingHttpResponse:
    """The same as a table."""
    account_of(request, family, account_id)
    days = _days(request, account_id, _asked(request))
    return downloads.csv_file(
        name=f"account-{account_id}-{days[0].day}-{days[-1].day}.csv",
        header=(
            "day", "tasks", "succeeded", "failed", "success_percent", "mean_seconds", "fast_hours", "errors",
        ),
        rows=map(_row, days),
    )  # fmt: skip


def _row(day: AccountDay) -> tuple[object, ...]:
    return (
        day.day,
        day.tasks,
        day.succeeded,
        day.failed,
        _rounded(day.success_rate, 1),
        _rounded(day.seconds, 3),
        _rounded(day.fast_hours, 4),
        "; ".join(f"{kind}: {count}" for kind, count in day.errors.items()),
    )


def _rounded(value: float | None, places: int) -> Decimal | None:
    return None if value is None else round(Decimal(value), places)


def _days(request: DashboardRequest, account_id: int, days: int) -> list[AccountDay]:
    return account_report.account_days(
        workspace_id=request.workspace.pk, account_id=account_id, days=days
    )


def _asked(request: DashboardRequest) -> int:
    asked = request.GET.get("days", "")
    return next((span for span in _SPANS if str(span) == asked), _SPANS[0])
