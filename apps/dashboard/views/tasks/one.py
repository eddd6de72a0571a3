"""One task: its page, cancelling it, its files, its webhooks."""

import uuid

import orjson
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.billing import selectors as billing
from apps.catalog import registry
from apps.core.errors import NotFound
from apps.core.sentences import said
from apps.dashboard import follow_ups, play_result, snippets, story, task_files, task_story
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed, missing
from apps.files.models import StoredFile
from apps.files.services import store
from apps.notifications.models import Delivery
from apps.notifications.selectors import deliveries_of
from apps.notifications.services.replay import replay
from apps.tasks import selectors
from apps.tasks.models import CANCELLABLE, Status, Task
from apps.tasks.presentation import output_of
from apps.tasks.services.cancel import NotCancellable, cancel_task


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def task_detail(request: DashboardRequest, task_id: uuid.UUID) -> HttpResponse:
    """One task. htmx gets the moving part alone."""
    task = _task(request, task_id)
    made = _outputs(task)
    context = _preview(request, task, made) | _details(request, task, made)
    template = "_task.html" if request.htmx else "detail.html"
    return render(request, f"dashboard/tasks/{template}", context)


def preview_context(request: DashboardRequest, task: Task) -> dict[str, object]:
    """What a task's state and result need; four queries at most."""
    return _preview(request, task, _outputs(task))


def _preview(request: DashboardRequest, task: Task, made: list[StoredFile]) -> dict[str, object]:
    sees_content = allowed(request, Permission.VIEW_CONTENT)
    paid = story.money(
        billing.entries_of(workspace_id=request.workspace.pk, reference=task.reference)
    )
    return {
        "task": task,
        "paid": paid,
        "headline": story.headline(task, paid),
        "place": selectors.place_in_line(task=task),
        "error_name": task_story.error_name(task),
        "next_step": story.next_step(task),
        "sees_content": sees_content,
        **(play_result.result(task, sees_input=True) if sees_content else {}),
        # The one that goes first: when it is gone, the page says so.
        "files_until": min(made, key=lambda file: file.expires_at, default=None),
        "is_cancellable": task.status in CANCELLABLE,
    }


def _details(request: DashboardRequest, task: Task, made: list[StoredFile]) -> dict[str, object]:
    calls = snippets.create_task(model=task.model, task_type=task.task_type, input=task.input)
    sees_content = allowed(request, Permission.VIEW_CONTENT)
    sees_secrets = allowed(request, Permission.RUN_TASKS)
    place = selectors.place_in_line(task=task)
    deliveries = _deliveries(task)
    return {
        "steps": task_story.timeline(
            task, place=place, files=made, deliveries=deliveries, sees_content=sees_content
        ),
        "facts": task_story.facts(task, sees_content=sees_content, sees_secrets=sees_secrets),
        "fields": task_story.fields_of(task) if sees_content else [],
        "input_json": task_story.input_json(task) if sees_content else "",
        "tree": selectors.family_tree(task=task),
        "actions": follow_ups.actions(task),
        "can_run_again": (task.model, task.task_type) in registry.all_specs(),
        "has_files": bool(selectors.kept(made)),
        "curl_read": snippets.read_task(task_id=task.id),
        "curl_create": calls.curl,
        "json_text": _json(task),
        # An address may hold a token.
        "deliveries": deliveries if sees_content else [],
        "sees_secrets": sees_secrets,
    }


def _outputs(task: Task) -> list[StoredFile]:
    if task.status != Status.COMPLETED:
        return []
    return selectors.outputs_of(workspace_id=task.workspace_id, task_ids=[task.id])


def _deliveries(task: Task) -> list[Delivery]:
    """How its webhook went."""
    if not task.webhook_endpoint:
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
        messages.error(request, said(error.words))
    return redirect("dashboard:task", slug=request.workspace.slug, task_id=task_id)


@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def task_download(
    request: DashboardRequest, task_id: uuid.UUID
) -> HttpResponse | StreamingHttpResponse:
    """What it made: the file, or all of them as one archive."""
    task = _task(request, task_id)
    made = selectors.kept(_outputs(task))
    if not made:
        messages.warning(request, _("This task has no files that are still kept."))
        return redirect("dashboard:task", slug=request.workspace.slug, task_id=task_id)
    if len(made) == 1:
        return redirect(store.url_of(made[0]))
    return task_files.zip_file(name=f"task-{str(task.id)[:8]}.zip", files=made)


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
    messages.success(request, _("It is being sent again."))
    return redirect("dashboard:task", slug=request.workspace.slug, task_id=task_id)


def _task(request: DashboardRequest, task_id: uuid.UUID) -> Task:
    try:
        return selectors.task_and_origin(workspace_id=request.workspace.pk, task_id=task_id)
    except NotFound as error:
        missing(error)
