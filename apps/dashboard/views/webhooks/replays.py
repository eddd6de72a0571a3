"""Sending many deliveries of an endpoint again: counted first."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, missing
from apps.dashboard.views.webhooks import words
from apps.dashboard.views.webhooks.common import ROLE, by, one_of, to_one
from apps.dashboard.views.webhooks.forms import ReplayForm, RunForm, new_run, suggested
from apps.notifications.models import Endpoint
from apps.notifications.services import replay_runs


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(ROLE)
def replay(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """How many that is, and after it a button with the number on it."""
    endpoint = one_of(request, endpoint_id)
    if request.method == "POST":
        return _start(request, endpoint)
    has_range = "since" in request.GET
    form = ReplayForm(request.GET if has_range else suggested(endpoint))
    return _page(request, endpoint, form)


def _start(request: DashboardRequest, endpoint: Endpoint) -> HttpResponse:
    form = RunForm(request.POST)
    if not form.is_valid():
        return _page(request, endpoint, ReplayForm(request.POST), status=422)
    try:
        run = replay_runs.start(
            workspace_id=request.workspace.pk,
            endpoint_id=endpoint.pk,
            run_id=form.cleaned_data["run"],
            asked=form.asked(),
            upto_id=form.cleaned_data["upto"],
            by=by(request),
        )
    except NotFound as error:
        missing(error)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
        return _page(request, endpoint, form, status=422)
    words_of_it = ngettext(
        "{count} event will be sent again, oldest first.",
        "{count} events will be sent again, oldest first.",
        run.total,
    )
    messages.success(request, words_of_it.format(count=run.total))
    return to_one(request, endpoint.pk)


def _page(
    request: DashboardRequest, endpoint: Endpoint, form: ReplayForm, *, status: int = 200
) -> HttpResponse:
    is_good = form.is_valid()
    context = {
        "endpoint": endpoint,
        "sentence": words.sentence(endpoint),
        "form": form,
        "seen": replay_runs.preview(endpoint=endpoint, asked=form.asked()) if is_good else None,
        "run": new_run(),
        "most": replay_runs.MOST,
        "is_active": endpoint.state == Endpoint.State.ACTIVE,
    }
    return render(
        request, "dashboard/webhooks/replay.html", context, status=status if is_good else 422
    )
