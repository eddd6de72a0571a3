"""Top-ups by coin: the form, and off to the page that shows where to send it."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.policies import Permission
from apps.billing.services import processors
from apps.core.errors import DomainError, InvalidRequest
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.topup import new_key
from apps.dashboard.forms.topup_crypto import CryptoForm, fresh
from apps.dashboard.http import DashboardRequest, no_store


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_BILLING)
def topup_crypto(request: DashboardRequest) -> HttpResponse:
    """Which coin, and how much."""
    form = fresh()
    if form is not None and request.method == "POST":
        form = CryptoForm(request.POST, auto_id="crypto_%s")
    if form is None or not form.is_bound or not form.is_valid():
        return _form(request, form)
    try:
        started = processors.by_choice(form.cleaned_data["coin"]).start(wish=_wish(request, form))
    except DomainError as error:
        form.refuse(error)
        return _form(request, form, is_used=isinstance(error, InvalidRequest))
    return redirect("dashboard:billing_topup_status", request.workspace.slug, started.pk)


def _wish(request: DashboardRequest, form: CryptoForm) -> processors.Wish:
    page = reverse("dashboard:billing_topup", args=[request.workspace.slug])
    return processors.Wish(
        workspace_id=request.workspace.pk,
        user=request.user,
        amount_points=form.amount_points,
        client_key=form.cleaned_data["client_key"],
        return_url=f"{settings.BASE_URL}{page}/",
    )


def _form(
    request: DashboardRequest, form: CryptoForm | None, *, is_used: bool = False
) -> HttpResponse:
    key = "" if form is None or is_used else form["client_key"].value()
    context = {"crypto_form": form, "crypto_key": key or new_key()}
    status = 422 if form is not None and form.is_bound else 200
    page = "dashboard/billing/topup_crypto.html"
    return no_store(render(request, page, context, status=status))
