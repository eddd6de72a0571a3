"""Every line of the ledger: what moved the balance, and what it was for."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts import selectors as accounts
from apps.accounts.policies import Permission
from apps.billing.models import CreditEntry
from apps.billing.selectors import transactions as selectors
from apps.dashboard import causes, downloads, ledger
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest

_PAGE = 50


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def transactions(request: DashboardRequest) -> HttpResponse:
    """Newest first, 50 a page, with the balance before and after the days that are shown."""
    asked = ledger.asked(request.GET)
    workspace_id = request.workspace.pk
    span = ledger.span(workspace_id=workspace_id, asked=asked)
    page = selectors.page(
        workspace_id=workspace_id, filter=asked.filter, limit=_PAGE, span=span, after=asked.after
    )
    context = {
        "asked": asked,
        "span": span,
        "rows": causes.of(lines=page.lines, request=request),
        "older": asked.query(after=page.next) if page.next else "",
        "newest": asked.query(),
        "kinds": [(kind.value, _(causes.WORDS[kind])) for kind in CreditEntry.Kind],
        "keys": accounts.newest_keys(workspace_id=workspace_id),
    }
    return render(request, "dashboard/billing/transactions.html", context)


@require_safe
@in_workspace(Permission.VIEW_BALANCE)
def transactions_csv(request: DashboardRequest) -> StreamingHttpResponse:
    """The same filters, all pages of them. Amounts are raw decimals in US dollars, times are UTC."""
    asked = ledger.asked(request.GET)
    workspace_id = request.workspace.pk
    lines = selectors.all_lines(
        workspace_id=workspace_id,
        filter=asked.filter,
        span=ledger.span(workspace_id=workspace_id, asked=asked),
    )
    return downloads.csv_file(
        name=f"transactions-{request.workspace.slug}.csv",
        header=ledger.CSV_HEADER,
        rows=ledger.csv_rows(lines),
    )
