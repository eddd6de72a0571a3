"""Budgets: what the workspace, its members and its keys may spend."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts import selectors as accounts
from apps.accounts.models import ApiKey, Membership
from apps.accounts.policies import Permission
from apps.billing.selectors import budgets as reading
from apps.billing.services import budgets
from apps.billing.services.budgets import By
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.budgets import KeyLimitForm, LimitForm, WorkspaceBudgetForm, shown
from apps.dashboard.http import DashboardRequest, missing


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_SETTINGS)
def overview(request: DashboardRequest) -> HttpResponse:
    """Every limit with what is spent of it, and the workspace's own to change."""
    form = WorkspaceBudgetForm(_posted(request), initial=shown(request.workspace))

    def save() -> object:
        return budgets.set_workspace(
            workspace_id=request.workspace.pk, limits=form.limits(), by=_by(request)
        )

    if _saved(request, form, save):
        return _back(request)
    context = {"form": form, "budgets": reading.budgets(workspace=request.workspace)}
    return render(
        request, "dashboard/billing/budgets.html", context, status=422 if form.is_bound else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_SETTINGS)
def member(request: DashboardRequest, member_id: int) -> HttpResponse:
    """What one member may spend."""
    people = Membership.objects.filter(workspace=request.workspace).select_related("user")
    row = people.filter(pk=member_id).first()
    if row is None:
        missing(NotFound("There is no such member."))
    form = LimitForm(_posted(request), initial=shown(row))

    def save() -> object:
        return budgets.set_member(
            workspace_id=request.workspace.pk,
            member_id=row.pk,
            limits=form.limits(),
            by=_by(request),
        )

    return _limit_page(request, row, row.user.email, form, save)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_SETTINGS)
def key(request: DashboardRequest, key_id: int) -> HttpResponse:
    """What one key may spend."""
    try:
        row = accounts.api_key(workspace_id=request.workspace.pk, key_id=key_id)
    except NotFound as error:
        missing(error)
    form = KeyLimitForm(_posted(request), initial=shown(row))

    def save() -> object:
        return budgets.set_key(
            workspace_id=request.workspace.pk, key_id=row.pk, limits=form.limits(), by=_by(request)
        )

    return _limit_page(request, row, row.name, form, save)


def _limit_page(
    request: DashboardRequest,
    row: Membership | ApiKey,
    title: str,
    form: LimitForm,
    save: Callable[[], object],
) -> HttpResponse:
    if _saved(request, form, save):
        return _back(request)
    context = {"form": form, "row": row, "title": title}
    return render(
        request,
        "dashboard/billing/budgets_limit.html",
        context,
        status=422 if form.is_bound else 200,
    )


def _posted(request: DashboardRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _saved(request: DashboardRequest, form: LimitForm, save: Callable[[], object]) -> bool:
    """Whether the form came, was good and was kept; what is wrong with it stands in it afterwards."""
    if request.method != "POST" or not form.is_valid():
        return False
    try:
        save()
    except InvalidRequest as error:
        form.refuse(error)
        return False
    messages.success(request, _("The budget is saved and counts from now on."))
    return True


def _by(request: DashboardRequest) -> By:
    return By(request.user, client_ip(request.META) or None)


def _back(request: DashboardRequest) -> HttpResponse:
    return redirect("dashboard:billing_budgets", slug=request.workspace.slug)
