"""Customers' accounts in the operator's console: read, and paused with a reason. Never a credential.

They are the customers': nothing else about them can be changed here.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import User
from apps.byoa.models import Account
from apps.byoa.policies import State
from apps.byoa.services import operator
from apps.core.errors import DomainError
from apps.ops import accounts_report
from apps.ops.accounts_report import Filter
from apps.ops.acting import ReasonForm
from apps.providers import registry

_PAGE = 100


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """How many accounts of each family take tasks, the pool's and customers', worst first."""
    _check(request, "byoa.view_account")
    context = {"rows": accounts_report.health()}
    return _page(request, "admin/ops/accounts_health.html", "Health of accounts", context)


@require_safe
def own_accounts(request: HttpRequest) -> HttpResponse:
    """Every account that customers have connected, worst first."""
    _check(request, "byoa.view_account")
    names = ("family", "provider", "state", "workspace")
    wanted = Filter(**{name: request.GET.get(name, "").strip() for name in names})
    lines = accounts_report.customers(wanted)
    families = Account.objects.across_workspaces().filter(workspace__isnull=False)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "wanted": wanted,
        "page": Paginator(lines, _PAGE).get_page(request.GET.get("page")),
        "query": query.urlencode(),
        "families": sorted({row[0] for row in families.values_list("families__0")}),
        "providers": registry.names(),
        "states": State.choices,
    }
    return _page(request, "admin/ops/own_accounts.html", "Customers' accounts", context)


@require_http_methods(["GET", "HEAD", "POST"])
def own_account_pause(request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask for the reason, then pause it."""
    _check(request, "byoa.change_account")
    rows = Account.objects.across_workspaces().filter(workspace__isnull=False)
    account = rows.select_related("workspace").filter(pk=account_id).first()
    if account is None:
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            operator.pause(
                account_id=account.pk, actor=_actor(request), reason=form.cleaned_data["reason"]
            )
        except DomainError as refused:
            form.add_error(None, refused.message)
        else:
            messages.success(request, f"{account.label} is paused.")
            return redirect("ops_own_accounts")
    context = {"account": account, "form": form}
    return _page(request, "admin/ops/own_account_pause.html", f"Pause {account.label}", context)


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    return render(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )


def _check(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _actor(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
