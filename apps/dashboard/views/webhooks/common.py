"""What the pages of endpoints share."""

import uuid
from typing import Final

from django.http import HttpResponse
from django.shortcuts import redirect

from apps.accounts.policies import Permission
from apps.core.addresses import client_ip
from apps.core.errors import NotFound
from apps.dashboard.http import DashboardRequest, missing
from apps.notifications.models import Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services.endpoints import By

# Whoever runs tasks may give each a webhook, so they may say where all of them are told; bodies hold prompts.
ROLE: Final = Permission.RUN_TASKS


def one_of(request: DashboardRequest, endpoint_id: uuid.UUID) -> Endpoint:
    """The workspace's endpoint, or the 404 page."""
    try:
        return listening.endpoint(workspace_id=request.workspace.pk, endpoint_id=endpoint_id)
    except NotFound as error:
        missing(error)


def by(request: DashboardRequest) -> By:
    return By(request.user, client_ip(request.META) or None)


def to_one(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    return redirect("dashboard:webhooks_one", request.workspace.slug, endpoint_id)


def number(text: str) -> int | None:
    """The id behind which a page starts; anything else is the first page."""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 19 else None
