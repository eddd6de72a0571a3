"""The operator's pages about what work costs: the margin, and what providers say next to what we recorded."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.byoa.models import SupplierSnapshot
from apps.byoa.services import suppliers
from apps.core.errors import NotFound
from apps.core.money import usd
from apps.dashboard import downloads
from apps.ops import margin_report, supplier_report
from apps.ops.margin_report import BY, Report

_SPANS = (1, 7, 30, 90, 365)


@require_safe
def margin(request: HttpRequest) -> HttpResponse:
    """For staff who may see the pool's accounts. The query string names days and split."""
    _check(request)
    found = _report(request)
    context = {
        **admin.site.each_context(request),
        "title": "Margin",
        "report": found,
        "days": (found.last - found.first).days + 1,
        "spans": _SPANS,
        "splits": BY,
    }
    return render(request, "admin/ops/margin.html", context)


@require_safe
def margin_csv(request: HttpRequest) -> HttpResponseBase:
    """The same as a table, in US dollars as raw decimals."""
    _check(request)
    found = _report(request)
    return downloads.csv_file(
        name=f"margin-by-{found.by}-{found.first}-{found.last}.csv",
        header=(found.by, "attempts", "succeeded", "cost_usd", "revenue_usd", "margin_usd"),
        rows=(
            (
                line.name,
                line.attempts,
                line.succeeded,
                usd(line.money.cost_points),
                usd(line.money.revenue_points),
                usd(line.money.margin_points),
            )
            for line in found.lines
        ),
    )


def _report(request: HttpRequest) -> Report:
    days, by = request.GET.get("days", ""), request.GET.get("by", "")
    first, last = margin_report.last_days(
        days=next((span for span in _SPANS if str(span) == days), 30)
    )
    return margin_report.report(
        by=next((one for one in BY if one == by), "model"), first=first, last=last
    )


@require_safe
def supplier_list(request: HttpRequest) -> HttpResponse:
    """What each account's provider says was spent, and what we recorded."""
    _check(request)
    context = {
        **admin.site.each_context(request),
        "title": "Suppliers",
        "suppliers": supplier_report.suppliers_report(),
    }
    return render(request, "admin/ops/suppliers.html", context)


@require_POST
def supplier_look(request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask the provider now; back to the list, which shows what it said."""
    _check(request)
    try:
        level, text = _said(suppliers.look(account_id=account_id))
    except NotFound as error:
        level, text = messages.ERROR, error.message
    messages.add_message(request, level, text)
    return redirect("ops_suppliers")


def _said(look: SupplierSnapshot | None) -> tuple[int, str]:
    if look is None:
        return messages.INFO, "This provider gives no figures."
    if look.error:
        return messages.ERROR, look.error
    return messages.SUCCESS, "The provider answered."


def _check(request: HttpRequest) -> None:
    # What it costs and brings is not for everybody.
    if not request.user.has_perm("byoa.view_account"):
        raise PermissionDenied
