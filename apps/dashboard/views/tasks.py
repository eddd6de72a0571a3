"""Tasks: the list, one task, cancelling it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import orjson
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.billing import selectors as billing
from apps.catalog import registry
from apps.core.errors import NotFound
from apps.dashboard import follow_ups, snippets, story, viewer
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed, missing
from apps.files import selectors as files
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.notifications.selectors import deliveries_of
from apps.notifications.services.replay import replay
from apps.tasks import selectors
from apps.tasks.models import CANCELLABLE, Status, Task
from apps.tasks.presentation import output_of
from apps.tasks.selectors import Position, TaskFilter
from apps.tasks.services.cancel import NotCancellable, cancel_task

_PAGE = 50
_PREVIEW = "preview"
_FOLLOW_UPS = 50


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def task_list(request: DashboardRequest) -> HttpResponse:
    """Newest first, 50 a page. htmx asks the same URL for the table alone.

    While something on the page runs, the table refreshes itself. `upto` keeps newer tasks out of a page that is being
    read; a line says that there are some.
    """
    asked = _asked(request)
    page = selectors.newest_tasks(
        workspace_id=request.workspace.pk, limit=_PAGE, filter=asked.filter, after=asked.after
    )
    context = {
        "page": page,
        "asked": asked,
        "unfinished": any(not task.is_finished for task in page.items),
        "older": asked.query(after=_cursor(page.next)) if page.next else "",
        "refresh": asked.query(upto=_upto(page.items[0].created_at)) if page.items else "",
        "newer": asked.upto is not None and _has_newer(request, asked),
        "statuses": [(status.value, status.label) for status in Status],
        "models": sorted(registry.models()),
    }
    template = "_table.html" if request.htmx else "page.html"
    return render(request, f"dashboard/tasks/{template}", context)


@dataclass(frozen=True)
class _Asked:
    """A list page's query string."""

    status: str
    model: str
    after: Position | None
    upto: datetime | None

    @property
    def filter(self) -> TaskFilter:
        return TaskFilter(status=self.status, model=self.model, created_before=self.upto)

    @property
    def is_filtered(self) -> bool:
        return bool(self.status or self.model)

    @property
    def without_status(self) -> str:
        return urlencode({"model": self.model} if self.model else {})

    @property
    def without_model(self) -> str:
        return urlencode({"status": self.status} if self.status else {})

    @property
    def newest(self) -> str:
        return self.query()

    def query(self, **more: str) -> str:
        wanted = {"status": self.status, "model": self.model}
        if self.after is not None:
            wanted["after"] = _cursor(self.after)
        return urlencode({name: value for name, value in (wanted | more).items() if value})


def _asked(request: DashboardRequest) -> _Asked:
    status = request.GET.get("status", "")
    model = request.GET.get("model", "")
    return _Asked(
        status=status if status in Status.values else "",
        model=model if model in registry.models() else "",
        after=_position(request.GET.get("after", "")),
        upto=_instant(request.GET.get("upto", "")),
    )


def _cursor(position: Position) -> str:
    return f"{position.created_at.isoformat()}~{position.task_id}"


def _position(text: str) -> Position | None:
    """A cursor of ours; anything else is the first page."""
    moment, _, task_id = text.partition("~")
    created_at = _instant(moment)
    try:
        return Position(created_at, uuid.UUID(task_id)) if created_at else None
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _upto(newest: datetime) -> str:
    # The bound is exclusive, the stored precision a microsecond.
    return (newest + timedelta(microseconds=1)).isoformat()


def _has_newer(request: DashboardRequest, asked: _Asked) -> bool:
    wanted = TaskFilter(status=asked.status, model=asked.model, created_after=asked.upto)
    page = selectors.newest_tasks(workspace_id=request.workspace.pk, limit=1, filter=wanted)
    return bool(page.items)


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def task_detail(request: DashboardRequest, task_id: uuid.UUID) -> HttpResponse:
    """One task. htmx gets the moving part: the whole of it here, only the result for the playground's preview."""
    task = _task(request, task_id)
    context = preview_context(request, task)
    if request.htmx and request.htmx.target == _PREVIEW:
        return render(request, "dashboard/tasks/_preview.html", context)
    context |= _details(request, task)
    template = "_task.html" if request.htmx else "detail.html"
    return render(request, f"dashboard/tasks/{template}", context)


def preview_context(request: DashboardRequest, task: Task) -> dict[str, object]:
    """What a task's state and result need; four queries at most."""
    sees_content = allowed(request, Permission.VIEW_CONTENT)
    paid = story.money(
        billing.entries_of(workspace_id=request.workspace.pk, reference=task.reference)
    )
    return {
        "task": task,
        "paid": paid,
        "headline": story.headline(task, paid),
        "next_step": story.next_step(task),
        "sees_content": sees_content,
        "shown": viewer.shown(task) if sees_content else None,
        "files_until": _files_until(task),
        "is_cancellable": task.status in CANCELLABLE,
    }


def _files_until(task: Task) -> StoredFile | None:
    """The output file that goes first: when it is gone, the page says so."""
    if task.status != Status.COMPLETED:
        return None
    return files.first_to_go(workspace_id=task.workspace_id, task_id=task.id)


def _details(request: DashboardRequest, task: Task) -> dict[str, object]:
    calls = snippets.create_task(model=task.model, task_type=task.task_type, input=task.input)
    return {
        "steps": story.timeline(task),
        "parent_id": task.parent_id,
        "follow_ups": selectors.follow_ups_of(
            workspace_id=request.workspace.pk, task_id=task.id, limit=_FOLLOW_UPS
        ),
        "actions": follow_ups.actions(task),
        "can_run_again": (task.model, task.task_type) in registry.all_specs(),
        "curl_read": snippets.read_task(task_id=task.id),
        "curl_create": calls.curl,
        "json_text": _json(task),
        "deliveries": _deliveries(request, task),
    }


def _deliveries(request: DashboardRequest, task: Task) -> list[Delivery]:
    """How its webhook went. An address may hold a token, so only who sees the content sees it."""
    if not task.webhook_endpoint or not allowed(request, Permission.VIEW_CONTENT):
        return []
    return deliveries_of(workspace_id=task.workspace_id, subject=task.reference)


def _json(task: Task) -> str:
    shown = {
        "task_id": str(task.id),
        "model": task.model,
        "task_type": task.task_type,
        "status": task.status,
        "input": task.input,
        "output": output_of(task),
        "error": {"code": task.error_code, "message": task.error_message},
    }
    return orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.RUN_TASKS)
def task_cancel(request: DashboardRequest, task_id: uuid.UUID) -> HttpResponse:
    """Cancel it if it has not started; either way back to the task, which says how it stands."""
    try:
        cancel_task(identity=request.identity, task_id=task_id)
    except NotFound as error:
        missing(error)
    except NotCancellable as error:
        messages.error(request, error.message)
    return redirect("dashboard:task", slug=request.workspace.slug, task_id=task_id)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.RUN_TASKS)
def webhook_replay(
    request: DashboardRequest, task_id: uuid.UUID, event_id: uuid.UUID
) -> HttpResponse:
    """Have one of the task's events sent again; back to the task, which shows how that goes."""
    try:
        replay(workspace_id=request.workspace.pk, event_id=event_id)
    except NotFound as error:
        missing(error)
    messages.success(request, "It is being sent again.")
    return redirect("dashboard:task", slug=request.workspace.slug, task_id=task_id)


def _task(request: DashboardRequest, task_id: uuid.UUID) -> Task:
    try:
        return selectors.task(workspace_id=request.workspace.pk, task_id=task_id)
    except NotFound as error:
        missing(error)
