"""The example that runs on the first page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.core.addresses import client_ip
from apps.core.errors import DomainError
from apps.core.sentences import said
from apps.site import live
from apps.site.http import SiteRequest
from apps.site.views import landing


@require_POST
def live_start(request: SiteRequest) -> HttpResponse:
    """Run it. Without scripts the page itself shows what comes of it."""
    prompt = request.POST.get("prompt", "")
    try:
        token = live.start(prompt=prompt, ip=client_ip(request.META))
    except DomainError as error:
        context = {"live_refusal": said(error.words), "live_prompt": prompt[: live.LONGEST_PROMPT]}
        if request.htmx:
            return render(request, "site/_live.html", context, status=422)
        return landing.page(request, status=422, **context)
    if not request.htmx:
        return redirect(f"{reverse('site:landing')}?live={token}#live")
    return render(request, "site/_live.html", {"live": live.look(token=token)})


@require_safe
def live_look(request: HttpRequest, token: str) -> HttpResponse:
    """What has become of it so far."""
    return render(request, "site/_live.html", {"live": live.look(token=token)})
