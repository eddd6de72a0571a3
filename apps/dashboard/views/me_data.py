"""A person's data as a file: asked for, waited for, fetched."""

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import DataExport
from apps.accounts.services import exports
from apps.core.errors import RateLimited
from apps.core.queue import enqueue
from apps.core.sentences import said
from apps.dashboard.decorators import signed_in
from apps.dashboard.http import DashboardRequest


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def data(request: DashboardRequest) -> HttpResponse:
    """What an export holds, the button for one, and those there are."""
    if request.method == "POST":
        return _ask(request)
    found = DataExport.objects.filter(user=request.user).order_by("-asked_at", "-id")
    context = {"exports": found, "most_attempts": exports.MOST_ATTEMPTS}
    return render(request, "dashboard/me/data.html", context)


def _ask(request: DashboardRequest) -> HttpResponse:
    try:
        export = exports.ask(user=request.user)
    except RateLimited as error:
        messages.error(request, said(error.words))
    else:
        enqueue("dashboard.export", export_id=export.pk)
        words = _("Your data is being put together. A mail says when it is ready.")
        messages.success(request, words)
    return redirect("dashboard:me_data")


@require_safe
@signed_in
def data_file(request: DashboardRequest, export_id: int) -> HttpResponseBase:
    """The ZIP, for its person only, until it expires."""
    found = DataExport.objects.filter(
        user=request.user, pk=export_id, expires_at__gt=timezone.now()
    ).first()
    if found is None or not default_storage.exists(found.file):
        raise Http404("There is no such export.")
    name = f"my-data-{found.asked_at:%Y-%m-%d}.zip"
    response = FileResponse(default_storage.open(found.file), as_attachment=True, filename=name)
    response["Cache-Control"] = "no-store"
    return response
