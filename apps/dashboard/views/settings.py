"""A workspace's settings, its audit log, and opening another workspace."""

from datetime import timedelta

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import selectors, services
from apps.accounts.models import Membership, User, Workspace
from apps.accounts.policies import Permission, Role
from apps.billing.services.onboarding import open_workspace
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence
from apps.dashboard import audit_lines, downloads
from apps.dashboard.decorators import in_workspace, signed_in
from apps.dashboard.forms.settings import NewWorkspaceForm, WorkspaceForm
from apps.dashboard.http import DashboardRequest

_PAGE = 50
MOST_OWNED = 20
# Two clicks on one button are one wish.
_SAME_WISH = timedelta(minutes=1)


@require_safe
@in_workspace(Permission.MANAGE_SETTINGS)
def settings(request: DashboardRequest) -> HttpResponse:
    """Name and address, and the way to everything else that is set for the workspace."""
    workspace = request.workspace
    return _settings(request, WorkspaceForm(initial=_named(workspace)))


def _settings(request: DashboardRequest, form: WorkspaceForm) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/settings/page.html", {"form": form}, status=status)


def _named(workspace: Workspace) -> dict[str, str]:
    return {"name": workspace.name, "slug": workspace.slug}


@require_POST
@in_workspace(Permission.MANAGE_SETTINGS)
def rename(request: DashboardRequest) -> HttpResponse:
    """Keep another name or address, and go to the new address."""
    form = WorkspaceForm(request.POST)
    if not form.is_valid():
        return _settings(request, form)
    try:
        workspace = services.rename(
            workspace_id=request.workspace.pk,
            name=form.cleaned_data["name"],
            slug=form.cleaned_data["slug"],
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        form.refuse(error)
        return _settings(request, form)
    messages.success(request, _("Name and address are saved."))
    return redirect("dashboard:settings", slug=workspace.slug)


@require_safe
@in_workspace(Permission.MANAGE_SETTINGS)
def audit(request: DashboardRequest) -> HttpResponse:
    """Who did what, newest first, 50 a page."""
    asked = audit_lines.asked(request.GET)
    workspace_id = request.workspace.pk
    events = selectors.audit_events(
        workspace_id=workspace_id, filter=asked.filter, after=asked.after
    )
    found = list(events[: _PAGE + 1])
    context = {
        "asked": asked,
        "lines": list(audit_lines.lines(found[:_PAGE])),
        "older": asked.query(after=found[_PAGE - 1].pk) if len(found) > _PAGE else "",
        "newest": asked.query(),
        "areas": audit_lines.AREAS.items(),
        "members": selectors.members(workspace_id=workspace_id),
    }
    return render(request, "dashboard/settings/audit.html", context)


@require_safe
@in_workspace(Permission.MANAGE_SETTINGS)
def audit_csv(request: DashboardRequest) -> StreamingHttpResponse:
    """The same filters, all pages of them. Times are UTC."""
    asked = audit_lines.asked(request.GET)
    events = selectors.audit_events(workspace_id=request.workspace.pk, filter=asked.filter)
    return downloads.csv_file(
        name=f"audit-{request.workspace.slug}.csv",
        header=audit_lines.CSV_HEADER,
        rows=audit_lines.csv_rows(audit_lines.lines(events.iterator(chunk_size=500))),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def workspace_new(request: DashboardRequest) -> HttpResponse:
    """Another workspace, with a wallet of its own and no welcome credits."""
    form = NewWorkspaceForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace = _opened(request.user, form.cleaned_data["name"])
        except InvalidRequest as error:
            form.refuse(error)
        else:
            return redirect("dashboard:overview", slug=workspace.slug)
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/settings/new.html", {"form": form}, status=status)


@transaction.atomic
def _opened(user: User, name: str) -> Workspace:
    """One workspace, also for a double click. Raises InvalidRequest above the most that one person may own."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    owned = Membership.objects.filter(user=user, role=Role.OWNER)
    same = owned.filter(workspace__name=name, workspace__created_at__gt=timezone.now() - _SAME_WISH)
    twin = same.select_related("workspace").first()
    if twin is not None:
        return twin.workspace
    if owned.count() >= MOST_OWNED:
        raise InvalidRequest(
            sentence("One person owns at most {count} workspaces.", count=MOST_OWNED)
        )
    return open_workspace(owner=user, name=name, grant_points=0)
