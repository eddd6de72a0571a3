"""The page "Pool and queues" of the operator's console."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.ops import pool_report


@require_safe
def pool_and_queues(request: HttpRequest) -> HttpResponse:
    """For staff who may see the pool's accounts: what it costs and brings is not for everybody."""
    if not request.user.has_perm("byoa.view_account"):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "Pool and queues",
        "report": pool_report.report(),
    }
    return render(request, "admin/ops/pool.html", context)
