"""A key's limits and its secret: edited, rotated with overlap, and watched for its first call."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import services
from apps.accounts.models import ApiKey
from apps.accounts.policies import Permission
from apps.billing.services import budgets
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest
from apps.core.sentences import said
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.keys import KeyForm, RotateForm, initial_of
from apps.dashboard.http import DashboardRequest, no_store
from apps.dashboard.views.keys import own_or_any, secret_page


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_edit(request: DashboardRequest, key_id: int) -> HttpResponse:
    """Other limits for the same secret, which hold within a second."""
    key = own_or_any(request, key_id)
    form = KeyForm(request.POST if request.method == "POST" else None, initial=initial_of(key))
    if request.method == "POST" and form.is_valid():
        try:
            _change(request, key, form)
        except InvalidRequest as error:
            form.refuse(error)
        else:
            words = _("The limits of {name} are saved.").format(name=form.cleaned_data["name"])
            messages.success(request, words)
            return redirect("dashboard:keys", slug=request.workspace.slug)
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/keys/edit.html", {"form": form, "key": key}, status=status)


@transaction.atomic
def _change(request: DashboardRequest, key: ApiKey, form: KeyForm) -> None:
    """Terms and caps, both or neither."""
    terms, ip = form.terms(), client_ip(request.META) or None
    services.change_key(
        workspace_id=request.workspace.pk, key_id=key.pk, terms=terms, actor=request.user, ip=ip
    )
    budgets.set_key(
        workspace_id=request.workspace.pk,
        key_id=key.pk,
        limits=budgets.KeyLimits(
            cap_daily_points=terms.cap_daily_points,
            cap_monthly_points=terms.cap_monthly_points,
            cap_total_points=terms.cap_total_points,
        ),
        by=budgets.By(actor=request.user, ip=ip),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_rotate(request: DashboardRequest, key_id: int) -> HttpResponse:
    """A new secret, in this one answer and nowhere else; the old one works as long as was chosen."""
    key = own_or_any(request, key_id)
    form = RotateForm(
        request.POST if request.method == "POST" else None, initial={"seen": key.last_four}
    )
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = services.rotate_key(
                workspace_id=request.workspace.pk,
                key_id=key.pk,
                overlap=form.cleaned_data["overlap"],
                seen=form.cleaned_data["seen"],
                actor=request.user,
                ip=client_ip(request.META) or None,
            )
        except InvalidRequest as error:
            form.refuse(error)
        else:
            return secret_page(request, key, secret)
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/keys/rotate.html", {"form": form, "key": key}, status=status)


@require_POST
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_end_old(request: DashboardRequest, key_id: int) -> HttpResponse:
    """The secret from before the rotation works no longer."""
    key = own_or_any(request, key_id)
    try:
        services.end_old_secret(
            workspace_id=request.workspace.pk,
            key_id=key.pk,
            actor=request.user,
            ip=client_ip(request.META) or None,
        )
    except InvalidRequest as error:
        messages.error(request, said(error.words))
    else:
        words = _("Only the newest secret of {name} works now.").format(name=key.name)
        messages.success(request, words)
    return redirect("dashboard:keys", slug=request.workspace.slug)


@require_safe
@in_workspace(Permission.MANAGE_OWN_KEYS)
def key_first_call(request: DashboardRequest, key_id: int) -> HttpResponse:
    """Whether the key was used yet. htmx asks again until it was."""
    key = own_or_any(request, key_id)
    if not request.htmx:
        return redirect("dashboard:keys", slug=request.workspace.slug)
    return no_store(render(request, "dashboard/keys/_first_call.html", {"key": key}))
