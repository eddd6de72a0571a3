"""The list of tasks: searched, filtered, 50 a page, and as a table to take away."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.catalog import registry
from apps.dashboard import downloads, task_files, task_query
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed
from apps.dashboard.task_query import Asked
from apps.tasks import selectors
from apps.tasks.selectors import Found

_PAGE = 50


def asked_of(request: DashboardRequest) -> Asked:
    return task_query.asked(request.GET, sees_content=allowed(request, Permission.VIEW_CONTENT))


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def task_list(request: DashboardRequest) -> HttpResponse:
    """Newest first. htmx asks the same URL for the table alone; an id in the search field leads to its task.

    While something on the page runs, the table refreshes itself. `upto` keeps newer tasks out of a page that is being
    read; a line says that there are some.
    """
    asked = asked_of(request)
    if (text := request.GET.get("q", "")) and not request.htmx and not asked.after:
        target = _named(request, text.replace("\x00", "").strip())
        if target:
            return redirect(target)
    found = selectors.search(
        workspace_id=request.workspace.pk, wanted=asked.wanted, limit=_PAGE, after=asked.after
    )
    context = _table(request, asked, found)
    if request.htmx:
        return render(request, "dashboard/tasks/_table.html", context)
    return render(request, "dashboard/tasks/page.html", context | _choices(request, asked))


def _named(request: DashboardRequest, text: str) -> str:
    """The address of the task, or of the few, that somebody else's words for it mean; empty: it is a search."""
    found = selectors.named(workspace_id=request.workspace.pk, text=text[:255])
    if found is None:
        return ""
    slug = request.workspace.slug
    if found.task_id is not None:
        return reverse("dashboard:task", args=[slug, found.task_id])
    query = urlencode({"reference": found.client_reference})
    return f"{reverse('dashboard:tasks', args=[slug])}?{query}"


def _table(request: DashboardRequest, asked: Asked, found: Found) -> dict[str, object]:
    items = found.items
    return {
        "page": found,
        "asked": asked,
        "sees_content": allowed(request, Permission.VIEW_CONTENT),
        "unfinished": any(not task.is_finished for task in items),
        "older": asked.query(after=task_query.cursor(found.next)) if found.next else "",
        "refresh": asked.query(upto=_upto(items[0].created_at)) if items else "",
        "newer": asked.upto is not None and asked.after is None and _has_newer(request, asked),
    }


def _upto(newest: datetime) -> str:
    # The bound is exclusive, the stored precision a microsecond.
    return (newest + timedelta(microseconds=1)).isoformat()


def _has_newer(request: DashboardRequest, asked: Asked) -> bool:
    found = selectors.search(workspace_id=request.workspace.pk, wanted=asked.newer, limit=1)
    return bool(found.items)


def _choices(request: DashboardRequest, asked: Asked) -> dict[str, object]:
    """What the filters offer, and the views above them: ours, then the person's own."""
    found = selectors.choices(workspace_id=request.workspace.pk, user_id=request.user.pk)
    names = {
        "key": {str(number): name for number, name, _masked in found.keys},
        "member": {str(number): email for number, email in found.members},
    }
    ours = [(_(name), urlencode(values)) for name, values in task_query.BUILT_IN]
    return {
        "chips": asked.chips(names),
        "statuses": _shown(task_query.STATUSES),
        "pools": _shown(task_query.POOLS),
        "errors": _shown(task_query.ERRORS),
        "models": sorted(registry.models()),
        "keys": [(str(number), f"{name} ({masked})") for number, name, masked in found.keys],
        "members": [(str(number), email) for number, email in found.members],
        "views": ours + found.views,
    }


def _shown(words: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(value, _(word)) for value, word in words.items()]


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def task_csv(request: DashboardRequest) -> HttpResponse | StreamingHttpResponse:
    """The same filters, all pages of them."""
    asked = asked_of(request)
    if asked.problems:
        # A table that is wider than was asked for would be believed.
        messages.error(request, _("No table was made: one of its filters could not be read."))
        return redirect(
            f"{reverse('dashboard:tasks', args=[request.workspace.slug])}?{asked.newest}"
        )
    return downloads.csv_file(
        name=f"tasks-{request.workspace.slug}.csv",
        header=task_files.CSV_HEADER,
        rows=task_files.csv_rows(
            selectors.everything(workspace_id=request.workspace.pk, wanted=asked.wanted),
            sees_content=allowed(request, Permission.VIEW_CONTENT),
        ),
    )
