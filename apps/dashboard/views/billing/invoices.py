"""Invoices: the list, one document on screen and as PDF, the bookkeeper's table, whom they are made out to."""

import re
import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.policies import Permission
from apps.billing.documents import books, pdf
from apps.billing.documents import invoice as printed
from apps.billing.documents.words import country
from apps.billing.models import Invoice
from apps.billing.selectors import invoices, statements
from apps.billing.services import billing_profiles
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound
from apps.dashboard import downloads
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.invoices import DetailsForm, initial
from apps.dashboard.http import DashboardRequest, missing

_PAGE = 50
_MONTHS = 12


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def invoice_list(request: DashboardRequest) -> HttpResponse:
    """Documents of all years or one, the newest statements, and whom invoices are made out to."""
    workspace_id = request.workspace.pk
    year = _year(request)
    rows = invoices.invoices(workspace_id=workspace_id, year=year)
    profile = invoices.profile(workspace_id=workspace_id)
    context = {
        "page": Paginator(rows, _PAGE).get_page(request.GET.get("page")),
        "year": year,
        "years": invoices.years(workspace_id=workspace_id),
        "months": statements.months(workspace_id=workspace_id)[:_MONTHS],
        "profile": profile,
        "country": country(profile.country),
    }
    return render(request, "dashboard/billing/invoices.html", context)


def _year(request: DashboardRequest) -> int | None:
    # What is no year of this age shows all.
    text = request.GET.get("year", "")
    return int(text) if re.fullmatch("2[0-9]{3}", text) else None


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def invoice_table(request: DashboardRequest) -> StreamingHttpResponse:
    """The list as CSV."""
    rows = invoices.invoices(workspace_id=request.workspace.pk, year=_year(request))
    return downloads.csv_file(
        name=f"invoices-{request.workspace.slug}.csv", header=books.HEADER, rows=books.rows(rows)
    )


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def invoice_page(request: DashboardRequest, invoice_id: uuid.UUID) -> HttpResponse:
    """The document on screen; printing the page prints only it."""
    invoice = _found(request, invoice_id)
    context = {"invoice": invoice, "document": printed.document(invoice=invoice)}
    return render(request, "dashboard/billing/invoice.html", context)


@require_safe
@in_workspace(Permission.VIEW_BILLING)
def invoice_pdf(request: DashboardRequest, invoice_id: uuid.UUID) -> HttpResponse:
    """The document as PDF, to keep."""
    invoice = _found(request, invoice_id)
    return downloads.pdf_file(
        name=printed.file_name(invoice=invoice),
        data=pdf.render(printed.document(invoice=invoice)),
    )


def _found(request: DashboardRequest, invoice_id: uuid.UUID) -> Invoice:
    try:
        return invoices.invoice(workspace_id=request.workspace.pk, invoice_id=invoice_id)
    except NotFound as error:
        missing(error)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_BILLING)
def billing_details(request: DashboardRequest) -> HttpResponse:
    """Whom the invoices to come are made out to."""
    if request.method != "POST":
        profile = invoices.profile(workspace_id=request.workspace.pk)
        return _form(request, DetailsForm(initial=initial(profile)))
    form = DetailsForm(request.POST)
    if not form.is_valid() or not _saved(request, form):
        return _form(request, form)
    messages.success(
        request, _("Saved. Invoices from now on say so; those there are stay as they are.")
    )
    return redirect("dashboard:billing_invoices", slug=request.workspace.slug)


def _saved(request: DashboardRequest, form: DetailsForm) -> bool:
    try:
        billing_profiles.save(
            workspace_id=request.workspace.pk,
            details=form.details(),
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        form.refuse(error)
        return False
    return True


def _form(request: DashboardRequest, form: DetailsForm) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {"form": form}
    return render(request, "dashboard/billing/invoices_details.html", context, status=status)
