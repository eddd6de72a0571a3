"""Many tasks at once: cancel, run again, download. First what would happen and what it costs, then one confirmation."""

import uuid
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.policies import Permission
from apps.billing import selectors as billing
from apps.core.money import format_usd
from apps.core.sentences import said
from apps.dashboard import task_files, task_query
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, allowed
from apps.dashboard.task_query import Asked
from apps.tasks import selectors
from apps.tasks.models import CANCELLABLE
from apps.tasks.policies import PRIVATE
from apps.tasks.services import bulk

# As many as a page of the list shows.
MOST_CHOSEN = 50
MOST_CANCELLED = 1000


def _chosen(query: QueryDict) -> list[uuid.UUID]:
    """The ids that are ids, each once."""
    found: dict[uuid.UUID, None] = {}
    for text in query.getlist("task"):
        try:
            found[uuid.UUID(text)] = None
        except ValueError:
            continue
    return list(found)[:MOST_CHOSEN]


def _asked(request: DashboardRequest, query: QueryDict) -> Asked:
    return task_query.asked(query, sees_content=allowed(request, Permission.VIEW_CONTENT))


def _to_list(request: DashboardRequest, asked: Asked) -> HttpResponse:
    return redirect(_list_url(request, asked))


def _list_url(request: DashboardRequest, asked: Asked) -> str:
    return f"{reverse('dashboard:tasks', args=[request.workspace.slug])}?{asked.newest}"


def _none_chosen(request: DashboardRequest, asked: Asked) -> HttpResponse:
    messages.error(
        request, _("No task is chosen. Tick the ones you mean, then press the button again.")
    )
    return _to_list(request, asked)


# ----------------------------------------------------------------------- cancel
@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.RUN_TASKS)
def cancel(request: DashboardRequest) -> HttpResponse:
    """The chosen tasks, or with `all=1` those that match the filters. GET counts them, POST cancels what was counted.

    `upto` is when they were counted: what has come since stays.
    """
    query = request.POST if request.method == "POST" else request.GET
    asked = _asked(request, query)
    every = query.get("all") == "1"
    if every and asked.problems:
        # Without one of its filters it would cancel more than was meant.
        messages.error(request, _("Nothing was cancelled: one of the filters could not be read."))
        return _to_list(request, asked)
    upto = asked.upto or timezone.now()
    ids = _waiting(request, asked, upto) if every else _chosen(query)
    if not every and not ids:
        return _none_chosen(request, asked)
    if request.method == "POST":
        return _cancelled(request, asked, ids[:MOST_CANCELLED])
    return _ask_to_cancel(request, asked, ids, every=every, upto=upto)


def _waiting(request: DashboardRequest, asked: Asked, upto: datetime) -> list[uuid.UUID]:
    bounded = Asked(asked.values, asked.search, asked.problems, upto=upto)
    found = selectors.waiting(
        workspace_id=request.workspace.pk, wanted=bounded.wanted, most=MOST_CANCELLED
    )
    return [task.id for task in found]


def _ask_to_cancel(
    request: DashboardRequest,
    asked: Asked,
    ids: list[uuid.UUID],
    *,
    every: bool,
    upto: datetime,
) -> HttpResponse:
    tasks = selectors.tasks_by_ids(workspace_id=request.workspace.pk, task_ids=ids[:MOST_CANCELLED])
    ready = [task for task in tasks if task.status in CANCELLABLE]
    held = sum(task.price_points for task in ready if task.service_mode != PRIVATE)
    context = {
        "asked": asked,
        "back": _list_url(request, asked),
        "every": every,
        "upto": upto.isoformat(),
        "chosen": [] if every else ids,
        "ready": ready[:MOST_CHOSEN],
        "count": len(ready),
        "started": len(tasks) - len(ready),
        "more": len(ids) > MOST_CANCELLED,
        "most": MOST_CANCELLED,
        "held": held,
    }
    return render(request, "dashboard/tasks/cancel_many.html", context)


def _cancelled(request: DashboardRequest, asked: Asked, ids: list[uuid.UUID]) -> HttpResponse:
    count = bulk.cancel_these(identity=request.identity, task_ids=ids)
    left = len(ids) - count
    text = ngettext(
        "{count} task cancelled, not charged; what was held is back in your balance.",
        "{count} tasks cancelled, not charged; what was held is back in your balance.",
        count,
    ).format(count=count)
    if left:
        others = ngettext(
            "{count} had started or ended before and stays as they were.",
            "{count} had started or ended before and stay as they were.",
            left,
        )
        text += f" {others.format(count=left)}"
    (messages.success if count else messages.warning)(request, text)
    return _to_list(request, asked)


# -------------------------------------------------------------------- run again
@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.RUN_TASKS)
def again(request: DashboardRequest) -> HttpResponse:
    """Run the chosen tasks again. GET prices them; POST creates them, if they still cost no more than that."""
    query = request.POST if request.method == "POST" else request.GET
    asked = _asked(request, query)
    ids = _chosen(query)
    if not ids:
        return _none_chosen(request, asked)
    offered = bulk.offer(identity=request.identity, task_ids=ids)
    agreed = query.get("points", "")
    token = _token(query)
    if request.method != "POST" or token is None or not agreed.isdecimal():
        return _ask_to_run(request, asked, offered)
    if offered.points > int(agreed[:18]):
        return _ask_to_run(request, asked, offered, costs_more=True)
    return _run(request, asked, offered, token)


def _token(query: QueryDict) -> str | None:
    try:
        return uuid.UUID(query.get("token", "")).hex
    except ValueError:
        return None


def _ask_to_run(
    request: DashboardRequest, asked: Asked, offered: bulk.Offer, *, costs_more: bool = False
) -> HttpResponse:
    wallet = billing.wallet(workspace_id=request.workspace.pk)
    context = {
        "asked": asked,
        "back": _list_url(request, asked),
        "offer": offered,
        "costs_more": costs_more,
        "available": wallet.available,
        "after": wallet.available - offered.points,
        "token": uuid.uuid4().hex,
    }
    return render(request, "dashboard/tasks/again.html", context, status=409 if costs_more else 200)


def _run(request: DashboardRequest, asked: Asked, offered: bulk.Offer, token: str) -> HttpResponse:
    done = bulk.run_again(identity=request.identity, offered=offered, token=token)
    held = sum(task.price_points for task in done.made)
    count = len(done.made)
    if count:
        text = ngettext(
            "{count} task runs again; {amount} is held.",
            "{count} tasks run again; {amount} is held.",
            count,
        )
        messages.success(request, text.format(count=count, amount=format_usd(held)))
    if done.refusal:
        left = len(offered.ready) - count
        text = _("{count} did not start and cost nothing. The first was refused: {reason}")
        messages.error(request, text.format(count=left, reason=said(done.refusal)))
    here = reverse("dashboard:tasks", args=[request.workspace.slug])
    return redirect(here if count else f"{here}?{asked.newest}")


# --------------------------------------------------------------------- download
@require_safe
@in_workspace(Permission.VIEW_CONTENT)
def download(request: DashboardRequest) -> HttpResponse | StreamingHttpResponse:
    """The files of the chosen tasks as one archive. What is beyond its size is told of before, not cut off."""
    asked = _asked(request, request.GET)
    ids = _chosen(request.GET)
    if not ids:
        return _none_chosen(request, asked)
    made = selectors.outputs_of(workspace_id=request.workspace.pk, task_ids=ids)
    files = selectors.kept(made)
    if not files:
        messages.warning(request, _("The chosen tasks have no files that are still kept."))
        return _to_list(request, asked)
    if sum(file.size for file in files) > task_files.MOST_BYTES:
        most = task_files.MOST_BYTES // 1024**3
        text = _("These files are more than {most} GB together. Choose fewer tasks at a time.")
        messages.error(request, text.format(most=most))
        return _to_list(request, asked)
    return task_files.zip_file(name=f"tasks-{request.workspace.slug}.zip", files=files)
