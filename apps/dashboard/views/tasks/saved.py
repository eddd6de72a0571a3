"""A person's saved views of the task list."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.policies import Permission
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import said
from apps.dashboard import task_query
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed, missing
from apps.tasks import selectors
from apps.tasks.services import views as services


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_TASKS)
def view_list(request: DashboardRequest) -> HttpResponse:
    """The person's own views, to rename and delete; POST saves the filters of a list as one."""
    if request.method == "POST":
        return _save(request)
    found = selectors.saved_views(workspace_id=request.workspace.pk, user_id=request.user.pk)
    return render(request, "dashboard/tasks/views.html", {"views": found, "most": services.MOST})


def _save(request: DashboardRequest) -> HttpResponse:
    sees_content = allowed(request, Permission.VIEW_CONTENT)
    # Read and written again: only filters are kept, not a place in a list.
    asked = task_query.asked(QueryDict(request.POST.get("query", "")), sees_content=sees_content)
    name = request.POST.get("name", "")
    try:
        services.save_view(
            workspace_id=request.workspace.pk,
            user_id=request.user.pk,
            name=name,
            query=urlencode(asked.values),
        )
    except InvalidRequest as error:
        problem = said(error.words)
        messages.error(request, _("{problem} Nothing was saved.").format(problem=problem))
    else:
        messages.success(request, _("The view is saved. Only you see it."))
    return redirect(f"{reverse('dashboard:tasks', args=[request.workspace.slug])}?{asked.newest}")


@require_POST
@in_workspace(Permission.VIEW_TASKS)
def view_rename(request: DashboardRequest, view_id: int) -> HttpResponse:
    """Another name for it; the filters stay."""
    try:
        services.rename_view(
            workspace_id=request.workspace.pk,
            user_id=request.user.pk,
            view_id=view_id,
            name=request.POST.get("name", ""),
        )
    except NotFound as error:
        missing(error)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
    else:
        messages.success(request, _("The view is renamed."))
    return redirect("dashboard:task_views", slug=request.workspace.slug)


@require_POST
@in_workspace(Permission.VIEW_TASKS)
def view_delete(request: DashboardRequest, view_id: int) -> HttpResponse:
    """The tasks it shows are left alone."""
    services.delete_view(
        workspace_id=request.workspace.pk, user_id=request.user.pk, view_id=view_id
    )
    messages.success(request, _("The view is deleted. No task was touched."))
    return redirect("dashboard:task_views", slug=request.workspace.slug)
