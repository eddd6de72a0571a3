"""Notifications: what happened to the account, where else it is told, and how that went."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.policies import Permission
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound, PlanRequired
from apps.core.sentences import said
from apps.dashboard.account_words import told
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.notifications import CHANNEL_WORDS, HookForm, rows, wanted
from apps.dashboard.http import DashboardRequest, allowed, missing, no_store
from apps.notifications import selectors
from apps.notifications.services import hooks, notices, preferences

_PAGE = 50
_DELIVERIES = 20
_HIGHEST_ID = 2**63 - 1


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def notice_list(request: DashboardRequest) -> HttpResponse:
    """Newest first, 50 a page; what the person has not marked as read says so."""
    after = _id(request.GET.get("after", ""))
    page = selectors.notices(
        workspace_id=request.workspace.pk, user_id=request.user.pk, limit=_PAGE, after=after
    )
    older = f"after={page.next}" if page.next else ""
    context = {
        "page": page,
        "lines": [(line, told(line.notice.message)) for line in page.items],
        "after": after,
        "older": older,
    }
    return render(request, "dashboard/notifications/page.html", context)


@require_POST
@in_workspace(Permission.VIEW_TASKS)
def mark_read(request: DashboardRequest) -> HttpResponse:
    """For this person nothing is new any more, up to the newest line they were shown."""
    upto = _id(request.POST.get("upto", ""))
    if upto is not None:
        notices.mark_read(workspace_id=request.workspace.pk, user_id=request.user.pk, upto=upto)
    return redirect("dashboard:notifications", slug=request.workspace.slug)


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def settings(request: DashboardRequest) -> HttpResponse:
    """The address, the table of events and channels, and how deliveries went."""
    return _settings(request, HookForm(initial={"url": request.workspace.notification_hook_url}))


def _settings(request: DashboardRequest, form: HookForm) -> HttpResponse:
    before = _id(request.GET.get("before", ""))
    context = {
        "form": form,
        "hook": selectors.hook(workspace=request.workspace),
        "rows": list(rows(selectors.preferences(workspace_id=request.workspace.pk))),
        "channels": [_(word) for word in CHANNEL_WORDS.values()],
        "deliveries": selectors.hook_deliveries(
            workspace_id=request.workspace.pk, limit=_DELIVERIES, after=before
        ),
        "before": before,
        "may_change": allowed(request, Permission.MANAGE_SETTINGS),
    }
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/notifications/settings.html", context, status=status)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_SETTINGS)
def hook_set(request: DashboardRequest) -> HttpResponse:
    """Keep the address. The first one brings the secret: in this one answer and nowhere else."""
    form = HookForm(request.POST)
    if not form.is_valid():
        return _settings(request, form)
    try:
        secret = hooks.set_hook(
            workspace_id=request.workspace.pk,
            url=form.cleaned_data["url"],
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except (InvalidRequest, PlanRequired) as error:
        form.add_error("url", said(error.words))
        return _settings(request, form)
    if secret:
        return _shown(request, secret)
    is_on = bool(form.cleaned_data["url"].strip())
    saved, removed = _("The address is saved."), _("Events go to no address now.")
    messages.success(request, saved if is_on else removed)
    return _back(request)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_SETTINGS)
def secret_rotate(request: DashboardRequest) -> HttpResponse:
    """Change the secret, and show the new one in this one answer."""
    try:
        secret = hooks.rotate_secret(
            workspace_id=request.workspace.pk,
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        messages.error(request, said(error.words))
        return _back(request)
    return _shown(request, secret)


def _shown(request: DashboardRequest, secret: str) -> HttpResponse:
    hook = selectors.hook(workspace=request.workspace)
    context = {"secret": secret, "hook": hook}
    return no_store(render(request, "dashboard/notifications/secret.html", context))


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_SETTINGS)
def hook_test(request: DashboardRequest) -> HttpResponse:
    """Send a test event; the list of deliveries shows how that goes."""
    try:
        hooks.send_test(workspace_id=request.workspace.pk)
    except (InvalidRequest, PlanRequired) as error:
        messages.error(request, said(error.words))
    else:
        messages.success(request, _("A test event is on its way."))
    return _back(request)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_SETTINGS)
def hook_replay(request: DashboardRequest, event_id: uuid.UUID) -> HttpResponse:
    """Have an event sent again."""
    try:
        hooks.replay(workspace_id=request.workspace.pk, event_id=event_id)
    except NotFound as error:
        missing(error)
    except PlanRequired as error:
        messages.error(request, said(error.words))
    else:
        messages.success(request, _("It is being sent again."))
    return _back(request)


@require_POST
@in_workspace(Permission.VIEW_TASKS, to_change=Permission.MANAGE_SETTINGS)
def preferences_set(request: DashboardRequest) -> HttpResponse:
    """Keep what is ticked."""
    preferences.set_preferences(
        workspace_id=request.workspace.pk,
        wanted=wanted(request.POST),
        actor=request.user,
        ip=client_ip(request.META) or None,
    )
    messages.success(request, _("The choice is saved and holds from now on."))
    return _back(request)


def _back(request: DashboardRequest) -> HttpResponse:
    return redirect("dashboard:notifications_settings", slug=request.workspace.slug)


def _id(text: str) -> int | None:
    """A number of ours; anything else is the first page."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if 0 < number <= _HIGHEST_ID else None
