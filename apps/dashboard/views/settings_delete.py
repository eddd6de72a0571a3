"""Deleting a workspace, and taking that back."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.policies import Permission
from apps.accounts.services import closing
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest
from apps.core.sentences import said
from apps.dashboard.closing import blockers
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.settings import NewWorkspaceForm
from apps.dashboard.http import DashboardRequest, money_of
from apps.notifications.services import mail


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.DELETE_WORKSPACE)
@reauthentication_required  # type: ignore[untyped-decorator]
def delete(request: DashboardRequest) -> HttpResponse:
    """Say what happens to credits, keys and people, ask for the name, then shut it."""
    workspace = request.workspace
    found = blockers(workspace=workspace)
    form = NewWorkspaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and not found:
        try:
            _close(request, form.cleaned_data["name"])
        except InvalidRequest as error:
            form.refuse(error)
        else:
            return redirect("dashboard:settings", slug=workspace.slug)
    wallet = money_of(request).wallet
    context = {"form": form, "blockers": found, "wallet": wallet, "days": closing.GRACE.days}
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/settings/delete.html", context, status=status)


@transaction.atomic
def _close(request: DashboardRequest, name: str) -> None:
    workspace = closing.close(
        workspace_id=request.workspace.pk,
        name=name,
        actor=request.user,
        ip=client_ip(request.META) or None,
    )
    mail.add(
        key=f"workspace-closing:{workspace.pk}:{workspace.closes_at}",
        to=[request.user.email],
        template="workspace_closing",
        context={"workspace": workspace},
        workspace_id=workspace.pk,
    )


@require_POST
@in_workspace(Permission.DELETE_WORKSPACE)
def restore(request: DashboardRequest) -> HttpResponse:
    """Take it back within the seven days."""
    try:
        closing.reopen(
            workspace_id=request.workspace.pk,
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        messages.error(request, said(error.words))
    else:
        messages.success(request, _("The workspace is back, with its keys and credits."))
    return redirect("dashboard:settings", slug=request.workspace.slug)
