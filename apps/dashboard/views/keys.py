"""API keys: list, create, revoke. `keys_change` edits and rotates them."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts import selectors, services
from apps.accounts.models import ApiKey
from apps.accounts.policies import Permission
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound
from apps.dashboard import snippets
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.keys import KeyForm
from apps.dashboard.http import DashboardRequest, allowed, missing, no_store
from apps.dashboard.views import keys_list


@require_safe
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_list(request: DashboardRequest) -> HttpResponse:
    """The workspace's keys, or one's own where the role reaches no further; filtered by state and member."""
    sees_all = allowed(request, Permission.MANAGE_KEYS)
    asked = keys_list.asked(request.GET)
    if not sees_all:
        asked = replace(asked, member=request.user.pk)
    page = keys_list.page(workspace=request.workspace, asked=asked)
    context = {"page": page, "keys": page.keys, "asked": asked, "sees_all": sees_all}
    return render(request, "dashboard/keys/page.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_create(request: DashboardRequest) -> HttpResponse:
    """The form, and after it the secret: in this one answer and nowhere else."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    try:
        key, secret = services.create_key(
            workspace_id=request.workspace.pk,
            terms=form.terms(),
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        form.refuse(error)
        return _form(request, form)
    return secret_page(request, key, secret)


def secret_page(request: DashboardRequest, key: ApiKey, secret: str) -> HttpResponse:
    context = {"key": key, "secret": secret, "curl": snippets.try_key(secret=secret)}
    return no_store(render(request, "dashboard/keys/created.html", context))


def _form(request: DashboardRequest, form: KeyForm) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/keys/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_revoke(request: DashboardRequest, key_id: int) -> HttpResponse:
    """Ask, then end the key for good."""
    key = own_or_any(request, key_id)
    if request.method != "POST":
        return render(request, "dashboard/keys/revoke.html", {"key": key})
    services.revoke_key(
        workspace_id=request.workspace.pk,
        key_id=key.pk,
        actor=request.user,
        ip=client_ip(request.META) or None,
    )
    return redirect("dashboard:keys", slug=request.workspace.slug)


def own_or_any(request: DashboardRequest, key_id: int) -> ApiKey:
    """The key, if the person may change it; else 404."""
    try:
        key = selectors.api_key(workspace_id=request.workspace.pk, key_id=key_id)
    except NotFound as error:
        missing(error)
    if key.created_by_id != request.user.pk and not allowed(request, Permission.MANAGE_KEYS):
        missing(NotFound("There is no such key."))
    return key
