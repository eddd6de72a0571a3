"""The catalogue with this workspace's prices."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.accounts.policies import Permission
from apps.dashboard import playground
from apps.dashboard.decorators import in_workspace
from apps.dashboard.http import DashboardRequest


@require_safe
@in_workspace(Permission.VIEW_TASKS)
def model_list(request: DashboardRequest) -> HttpResponse:
    """Every model: what it makes, what it costs, whether it runs now. htmx asks for the list alone."""
    everything = playground.listed(identity=request.identity)
    words, kind = request.GET.get("q", "")[:100], request.GET.get("kind", "")
    only_available = request.GET.get("available") == "1"
    found = playground.matching(everything, words=words, kind=kind, available=only_available)
    template = "_list.html" if request.htmx else "page.html"
    return render(
        request,
        f"dashboard/models/{template}",
        {
            "found": found,
            "total": len(everything),
            "words": words,
            "kind": kind,
            "only_available": only_available,
            "kinds": [(value, _(word)) for value, (word, icon) in playground.KINDS.items()],
        },
    )
