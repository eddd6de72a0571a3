"""Webhook endpoints: the list, adding, changing and deleting one."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts import plans
from apps.core.errors import DomainError, NotFound
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest, missing, no_store
from apps.dashboard.views.webhooks import code, words
from apps.dashboard.views.webhooks.common import ROLE, by, one_of, to_one
from apps.dashboard.views.webhooks.forms import EndpointForm, written
from apps.notifications import policies, selectors
from apps.notifications.models import Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services import endpoints

_READ = ["GET", "HEAD", "POST"]


@require_safe
@in_workspace(ROLE)
def endpoint_list(request: DashboardRequest) -> HttpResponse:
    """Each endpoint with its state in words and its last 24 hours."""
    found = listening.shown_endpoints(workspace_id=request.workspace.pk)
    hours = listening.last_hours(endpoints=found, workspace_id=request.workspace.pk)
    most = policies.most_endpoints(rank=plans.terms_of_workspace(request.workspace).rank)
    context = {
        "lines": [(one, words.sentence(one), words.spark(hours[one.pk])) for one in found],
        "most": most,
        "is_full": len(found) >= most,
        "hook": selectors.hook(workspace=request.workspace),
    }
    return render(request, "dashboard/webhooks/page.html", context)


@require_http_methods(_READ)
@in_workspace(ROLE)
def endpoint_new(request: DashboardRequest) -> HttpResponse:
    """The form, and after it the secret: in this one answer and nowhere else."""
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form, None)
    try:
        made, secret = endpoints.create(
            workspace_id=request.workspace.pk, terms=form.terms(), by=by(request)
        )
    except DomainError as error:
        return _refused(request, form, error, None)
    return secret_shown(request, made, secret)


@require_http_methods(_READ)
@in_workspace(ROLE)
def endpoint_edit(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Change address, description and events."""
    found = one_of(request, endpoint_id)
    is_post = request.method == "POST"
    form = EndpointForm(request.POST if is_post else None, initial=written(found))
    if not is_post or not form.is_valid():
        return _form(request, form, found)
    try:
        endpoints.change(
            workspace_id=request.workspace.pk,
            endpoint_id=endpoint_id,
            terms=form.terms(),
            by=by(request),
        )
    except NotFound as error:
        missing(error)
    except DomainError as error:
        return _refused(request, form, error, found)
    messages.success(request, _("The endpoint is saved."))
    return to_one(request, endpoint_id)


@require_http_methods(_READ)
@in_workspace(ROLE)
def endpoint_delete(request: DashboardRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Ask, then end it for good."""
    found = one_of(request, endpoint_id)
    if request.method != "POST":
        waiting = listening.waiting_count(endpoint=found)
        context = {"endpoint": found, "waiting": waiting}
        return render(request, "dashboard/webhooks/delete.html", context)
    try:
        endpoints.delete(workspace_id=request.workspace.pk, endpoint_id=endpoint_id, by=by(request))
    except NotFound as error:
        missing(error)
    messages.success(request, _("The endpoint is deleted."))
    return redirect("dashboard:webhooks", slug=request.workspace.slug)


def secret_shown(request: DashboardRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
    """The one answer that shows a secret; nobody keeps a copy."""
    context = {"secret": secret, "endpoint": endpoint, "languages": code.LANGUAGES}
    return no_store(render(request, "dashboard/webhooks/secret.html", context))


def _refused(
    request: DashboardRequest, form: EndpointForm, error: DomainError, endpoint: Endpoint | None
) -> HttpResponse:
    form.refuse(field=str((error.detail or {}).get("field", "")), words=said(error.words))
    return _form(request, form, endpoint)


def _form(request: DashboardRequest, form: EndpointForm, endpoint: Endpoint | None) -> HttpResponse:
    context = {
        "form": form,
        "endpoint": endpoint,
        "has_account_events": selectors.may_have_hook(workspace=request.workspace),
    }
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/webhooks/form.html", context, status=status)
