"""One webhook endpoint: how it does, its deliveries, secret and test, pausing."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.core.errors import InvalidRequest, NotFound, RateLimited
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, missing
from apps.dashboard.views.webhooks import code, words
from apps.dashboard.views.webhooks.common import ROLE, by, number, one_of, to_one
from apps.dashboard.views.webhooks.endpoints import secret_shown
from apps.dashboard.views.webhooks.forms import FilterForm
from apps.notifications.events import EVENTS, TASK_EVENTS
from apps.notifications.selectors import listening
from apps.notifications.services import endpoint_tests, endpoints

_PAGE = 50


@require_safe
@in_workspace(ROLE)
def detail(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """The endpoint, and its deliveries newest first, 50 a page."""
    found = one_of(request, endpoint_id)
    form = FilterForm(request.GET)
    asked, query = form.asked()
    after = number(request.GET.get("after", ""))
    page = listening.deliveries(endpoint=found, asked=asked, limit=_PAGE, after=after)
    hours = listening.last_hours(endpoints=[found], workspace_id=request.workspace.pk)
    older = "&".join(part for part in (query, f"after={page.next}") if part) if page.next else ""
    context = {
        "endpoint": found,
        "sentence": words.sentence(found),
        "spark": words.spark(hours[found.pk]),
        "waiting": listening.waiting_count(endpoint=found),
        "run": listening.open_run(endpoint=found),
        "events": [_(TASK_EVENTS.get(one) or EVENTS[one].title) for one in found.events],
        "languages": code.LANGUAGES,
        "form": form,
        "query": query,
        "page": page,
        "after": after,
        "older": older,
    }
    return render(request, "dashboard/webhooks/detail.html", context)


@require_POST
@in_workspace(ROLE)
def secret_rotate(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Change the secret, and show the new one in this one answer."""
    workspace_id = request.workspace.pk
    try:
        secret = endpoints.rotate(
            workspace_id=workspace_id, endpoint_id=endpoint_id, by=by(request)
        )
    except NotFound as error:
        missing(error)
    except InvalidRequest as error:
        messages.error(request, said(error.words))
        return to_one(request, endpoint_id)
    return secret_shown(request, one_of(request, endpoint_id), secret)


@require_POST
@in_workspace(ROLE)
def overlap_end(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """The old secret signs no more."""
    return _done(request, endpoint_id, endpoints.end_overlap, _("The old secret signs no more."))


@require_POST
@in_workspace(ROLE)
def pause(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Send nothing until somebody resumes."""
    words_of_it = _("The endpoint is paused. Events that come up are kept for replay.")
    return _done(request, endpoint_id, endpoints.pause, words_of_it)


@require_POST
@in_workspace(ROLE)
def resume(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Send again what comes up from now on."""
    words_of_it = _("Events are sent again. Replay sends what came up meanwhile.")
    return _done(request, endpoint_id, endpoints.resume, words_of_it)


@require_POST
@in_workspace(ROLE)
def test(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Send a test event now, and show how it went."""
    try:
        sent = endpoint_tests.send_test(workspace_id=request.workspace.pk, endpoint_id=endpoint_id)
    except NotFound as error:
        missing(error)
    except RateLimited as error:
        messages.error(request, said(error.words))
        return to_one(request, endpoint_id)
    line = sent.log[-1] if sent.log else {"status": None, "ms": 0}
    if line["status"]:
        how = _("Test event: {status} in {ms} ms.").format(**line)
    else:
        how = _("Test event: No answer in {ms} ms.").format(ms=line["ms"])
    is_good = sent.state == sent.State.DELIVERED
    tell = messages.success if is_good else messages.error
    tell(request, how)
    return redirect(
        "dashboard:webhooks_delivery", request.workspace.slug, endpoint_id, sent.event_id
    )


def _done(
    request: DashboardRequest, endpoint_id: uuid.UUID, act: Callable[..., None], words_of_it: str
) -> HttpResponse:
    try:
        act(workspace_id=request.workspace.pk, endpoint_id=endpoint_id, by=by(request))
    except NotFound as error:
        missing(error)
    messages.success(request, words_of_it)
    return to_one(request, endpoint_id)
