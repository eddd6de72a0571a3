"""Redeem codes: type one, get its credits."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.accounts.policies import Permission
from apps.billing.selectors.codes import used_codes
from apps.billing.services import codes
from apps.core.addresses import client_ip
from apps.core.errors import DomainError, RateLimited
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.redeem import RedeemForm
from apps.dashboard.http import DashboardRequest


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_BILLING)
def redeem(request: DashboardRequest) -> HttpResponse:
    """One field; after a code has worked, what it brought."""
    form = RedeemForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        done = codes.redeem(
            workspace=request.workspace,
            user=request.user,
            text=form.cleaned_data["code"],
            ip=client_ip(request.META),
        )
    except DomainError as refused:
        form.add_error("code", said(refused.words))
        return _page(request, form, status=429 if isinstance(refused, RateLimited) else 422)
    # Loading the page again must not try the code again.
    page = reverse("dashboard:billing_redeem", args=[request.workspace.slug])
    return redirect(f"{page}?done={done.code_id}")


def _page(request: DashboardRequest, form: RedeemForm, *, status: int = 200) -> HttpResponse:
    used = used_codes(workspace_id=request.workspace.pk)
    done = next((one for one in used if str(one.id) == request.GET.get("done")), None)
    context = {"form": form, "used": used, "done": done}
    return render(request, "dashboard/billing/redeem.html", context, status=status)
