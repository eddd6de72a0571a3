"""Whether what is said in calls is kept, and for how long."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts import services
from apps.accounts.policies import Permission
from apps.core.addresses import client_ip
from apps.dashboard import llm_nav
from apps.dashboard.decorators import in_workspace
from apps.dashboard.forms.llm import ContentForm
from apps.dashboard.http import DashboardRequest
from apps.llm.services import contents


@require_http_methods(["GET", "HEAD", "POST"])
@in_workspace(Permission.MANAGE_SETTINGS)
def content(request: DashboardRequest) -> HttpResponse:
    """The switch and the days."""
    workspace = request.workspace
    now = {"is_on": workspace.keeps_llm_content, "days": workspace.llm_content_days}
    form = ContentForm(request.POST if request.method == "POST" else None, initial=now)
    if request.method != "POST" or not form.is_valid():
        context = {"form": form, "tabs": llm_nav.tabs(request, "llm_settings")}
        status = 422 if form.is_bound else 200
        return render(request, "dashboard/llm/settings.html", context, status=status)
    is_on, days = form.cleaned_data["is_on"], form.cleaned_data["days"]
    services.set_llm_content(
        workspace_id=workspace.pk,
        actor=request.user,
        ip=client_ip(request.META) or None,
        is_on=is_on,
        days=days,
    )
    messages.success(request, _said(is_on=is_on, days=days))
    return redirect("dashboard:llm_settings", slug=workspace.slug)


def _said(*, is_on: bool, days: int) -> str:
    if not is_on:
        return _("Nothing that is said is kept from now on.")
    words = ngettext(
        "What is said from now on is kept for {days} day.",
        "What is said from now on is kept for {days} days.",
        days,
    )
    return words.format(days=days)


@require_POST
@in_workspace(Permission.MANAGE_SETTINGS)
def forget(request: DashboardRequest) -> HttpResponse:
    """Delete all that is kept, at once."""
    count = contents.forget_all_of(
        workspace_id=request.workspace.pk, actor=request.user, ip=client_ip(request.META) or None
    )
    words = ngettext(
        "Deleted what was said in {count} call.", "Deleted what was said in {count} calls.", count
    )
    messages.success(request, words.format(count=count))
    return redirect("dashboard:llm_settings", slug=request.workspace.slug)
