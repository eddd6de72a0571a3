"""The monthly statement of credits: page, PDF and table."""

from datetime import date

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.billing.documents import Document, pdf
from apps.billing.documents import statement as printed
from apps.billing.selectors import statements
from apps.billing.selectors.invoices import seller_name
from apps.billing.selectors.statements import Statement
from apps.core.errors import NotFound
from apps.core.money import usd
from apps.dashboard import downloads
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, missing
from apps.tasks.selectors.credit_use import used_by_model


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def statement_page(request: DashboardRequest, year: int, month: int) -> HttpResponse:
    """Opening, in, used by model, out, closing."""
    statement = _statement(request, year, month)
    context = {
        "statement": statement,
        "document": _document(request, statement),
        "months": statements.months(workspace_id=request.workspace.pk),
    }
    return render(request, "dashboard/billing/statement.html", context)


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def statement_pdf(request: DashboardRequest, year: int, month: int) -> HttpResponse:
    statement = _statement(request, year, month)
    return downloads.pdf_file(
        name=f"statement-{statement.month:%Y-%m}.pdf",
        data=pdf.render(_document(request, statement)),
    )


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def statement_table(request: DashboardRequest, year: int, month: int) -> StreamingHttpResponse:
    """Amounts are US dollars; what went out is negative, so all but the last line add up to it."""
    statement = _statement(request, year, month)
    rows = printed.rows(statement=statement, uses=_uses(request, statement))
    return downloads.csv_file(
        name=f"statement-{statement.month:%Y-%m}.csv",
        header=("section", "what", "points", "usd"),
        rows=((section, what, points, usd(points)) for section, what, points in rows),
    )


def _statement(request: DashboardRequest, year: int, month: int) -> Statement:
    try:
        return statements.statement(workspace_id=request.workspace.pk, month=date(year, month, 1))
    except (NotFound, ValueError) as error:
        missing(error)


def _document(request: DashboardRequest, statement: Statement) -> Document:
    return printed.document(
        statement=statement,
        workspace=request.workspace.name,
        seller=seller_name(),
        uses=_uses(request, statement),
    )


def _uses(request: DashboardRequest, statement: Statement) -> list[printed.Use]:
    found = used_by_model(
        workspace_id=request.workspace.pk, since=statement.since, until=statement.until
    )
    return [
        printed.Use(f"{use.model} {use.task_type}".strip() or "Other", use.lines, use.points)
        for use in found
    ]
