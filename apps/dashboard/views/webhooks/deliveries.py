"""One delivery of an endpoint: the wire, what it means, and sending it again."""

import uuid

import orjson
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.core.errors import NotFound
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, missing
from apps.dashboard.views.webhooks import words
from apps.dashboard.views.webhooks.common import ROLE, one_of
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services.replay import replay


@require_safe
@in_workspace(ROLE)
def delivery(
    request: DashboardRequest, endpoint_id: uuid.UUID, event_id: uuid.UUID
) -> HttpResponse:
    """Request and answer of each attempt."""
    endpoint = one_of(request, endpoint_id)
    found = _found(endpoint, event_id)
    tries = words.tries(found)
    context = {
        "endpoint": endpoint,
        "delivery": found,
        "tries": tries,
        "last": tries[0] if tries else None,
        "task_id": found.subject.partition("task:")[2],
        "headers": _headers(found),
        "body": _readable(found.body),
    }
    return render(request, "dashboard/webhooks/delivery.html", context)


@require_POST
@in_workspace(ROLE)
def again(request: DashboardRequest, endpoint_id: uuid.UUID, event_id: uuid.UUID) -> HttpResponse:
    """Send it again, also to an endpoint that is paused."""
    _found(one_of(request, endpoint_id), event_id)
    try:
        replay(workspace_id=request.workspace.pk, event_id=event_id)
    except NotFound as error:
        missing(error)
    messages.success(request, _("It is being sent again."))
    return redirect("dashboard:webhooks_delivery", request.workspace.slug, endpoint_id, event_id)


def _found(endpoint: Endpoint, event_id: uuid.UUID) -> Delivery:
    try:
        return listening.delivery(endpoint=endpoint, event_id=event_id)
    except NotFound as error:
        missing(error)


def _headers(found: Delivery) -> list[tuple[str, str]]:
    """What every attempt carries. Secret and signature are not kept, so they are not shown."""
    return [
        ("content-type", "application/json"),
        ("webhook-id", f"msg_{found.event_id.hex}"),
        ("webhook-sequence", str(found.pk)),
        ("webhook-timestamp", _("Unix seconds of each attempt")),
        ("webhook-signature", _("v1,… (not kept)")),
        ("x-webhook-secret", _("your secret (not shown)")),
    ]


def _readable(body: str) -> str:
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        return body
