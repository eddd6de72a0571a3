"""Links that show a result to people without an account: made and revoked here, and the page they lead to."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.policies import Permission
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import said
from apps.dashboard import play_result
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.share import ShareForm
from apps.dashboard.http import DashboardRequest, missing, no_store
from apps.tasks import selectors
from apps.tasks.models import Task
from apps.tasks.selectors.shares import open_shares, shared
from apps.tasks.services import shares

_LONGEST_TOKEN = 64


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def share_list(request: DashboardRequest, task_id: uuid.UUID) -> HttpResponse:
    """The links to one task that work; POST makes one and shows it, this once."""
    try:
        task = selectors.task(workspace_id=request.workspace.pk, task_id=task_id)
    except NotFound as error:
        missing(error)
    if request.method == "POST":
        return _create(request, task)
    return _answer(request, task, form=ShareForm())


def _create(request: DashboardRequest, task: Task) -> HttpResponse:
    form = ShareForm(request.POST)
    if not form.is_valid():
        return _answer(request, task, form=form, status=422)
    try:
        made, token = shares.create_share(
            identity=request.identity, task_id=task.id, **form.cleaned_data
        )
    except InvalidRequest as error:
        form.add_error(None, said(error.words))
        return _answer(request, task, form=form, status=422)
    return no_store(_answer(request, task, form=ShareForm(), made=made, token=token))


def _answer(
    request: DashboardRequest,
    task: Task,
    *,
    form: ShareForm,
    made: Any = None,
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "task": task,
        "form": form,
        "made": made,
        "link": shares.address(token) if token else "",
        "shares": open_shares(workspace_id=request.workspace.pk, task_id=task.id),
    }
    template = "_share.html" if request.htmx else "shares.html"
    return render(request, f"dashboard/play/{template}", context, status=status)


@require_POST
@in_workspace(Permission.VIEW_CONTENT, to_change=Permission.RUN_TASKS)
def share_revoke(request: DashboardRequest, share_id: int) -> HttpResponse:
    """The link ends at once."""
    try:
        ended = shares.revoke_share(identity=request.identity, share_id=share_id)
    except NotFound as error:
        missing(error)
    if request.htmx:
        task = selectors.task(workspace_id=request.workspace.pk, task_id=ended.task_id)
        return _answer(request, task, form=ShareForm())
    return redirect("dashboard:play_shares", slug=request.workspace.slug, task_id=ended.task_id)


@require_safe
def shared_page(request: HttpRequest, token: str) -> HttpResponse:
    """What a link shows, to anybody; 404 for every link that does not work, whatever the reason.

    Neither kept nor indexed by anyone, and the address is not told to where its links lead.
    """
    try:
        share = shared(token=token[:_LONGEST_TOKEN])
    except NotFound as error:
        missing(error)
    context = {
        "share": share,
        "task": share.task,
        "sees_content": True,
        **play_result.result(share.task, sees_input=share.shows_input),
    }
    answer = render(request, "dashboard/play/shared.html", context)
    answer["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    answer["Referrer-Policy"] = "no-referrer"
    return no_store(answer)
