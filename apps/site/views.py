"""Public pages."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from apps.billing.services.referrals import attribution, touches
from apps.byoa import selectors
from apps.catalog import pricing, registry
from apps.catalog.spec import OutputKind, TaskSpec
from apps.core import throttling
from apps.core.addresses import client_ip

_MOST_PRICES = 6
_CURL = """curl {base}/api/v1/task \\
  -H "x-api-key: $MODELYARD_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "modelyard/illustration",
    "task_type": "text-to-image",
    "input": {{"prompt": "a fox by a lake at sunset"}}
  }}'"""
_WORDS = {
    OutputKind.IMAGE: ("Images", "photo"),
    OutputKind.VIDEO: ("Video", "video"),
    OutputKind.AUDIO: ("Speech and music", "music"),
    OutputKind.MODEL_3D: ("3D", "cube"),
    OutputKind.TEXT: ("Text", "file-text"),
}


@dataclass(frozen=True)
class _Kind:
    word: str
    icon: str
    total: int
    available: int


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What this is, in one sentence and one call, with what this installation can do and what it asks for it."""
    specs = list(registry.all_specs().values())
    available = [spec for spec in specs if selectors.is_available(spec)]
    return render(
        request,
        "site/landing.html",
        {
            "curl": _CURL.format(base=settings.BASE_URL),
            "grant_points": settings.SIGNUP_GRANT_POINTS,
            "kinds": [_kind(kind, specs, available) for kind in OutputKind],
            "popular": [_priced(spec) for spec in available[:_MOST_PRICES]],
        },
    )


def _kind(kind: OutputKind, specs: list[TaskSpec], available: list[TaskSpec]) -> _Kind:
    word, icon = _WORDS[kind]
    return _Kind(
        word,
        icon,
        total=sum(spec.kind == kind for spec in specs),
        available=sum(spec.kind == kind for spec in available),
    )


def _priced(spec: TaskSpec) -> tuple[TaskSpec, Decimal, str]:
    points = pricing.rates_for(spec=spec)
    lowest, unit = min((points[rate.name], rate.unit) for rate in spec.rates)
    return spec, lowest, unit


@require_safe
@never_cache
def referred(request: HttpRequest, code: str) -> HttpResponse:
    """Somebody's link: remember it until sign-up, and show the landing page.

    The answer is the same whether anybody has this code.
    """
    answer = redirect("site:landing")
    known = touches.code_of(code)
    if known is None:
        return answer
    if not throttling.count_address(ip=client_ip(request.META)).is_over:
        attribution.note_click(code=known)
    _remember(request, answer, known)
    return answer


def _remember(request: HttpRequest, answer: HttpResponse, code: str) -> None:
    link = touches.noted(request.COOKIES.get(touches.LINK_COOKIE), code=code)
    if link is not None:
        answer.set_cookie(touches.LINK_COOKIE, link, **touches.for_link())
    if touches.device_of(request.COOKIES.get(touches.DEVICE_COOKIE)) is None:
        answer.set_cookie(touches.DEVICE_COOKIE, touches.new_device(), **touches.for_device())


@require_safe
@cache_control(max_age=3600, public=True)
def robots(request: HttpRequest) -> HttpResponse:
    """Search engines may read the public pages; the rest is nobody's business but the customer's."""
    closed = ("/w/", "/r/", "/me", "/auth/", "/files/", "/api/", "/ops/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


class Favicon(RedirectView):
    """For clients that ask for the old name without reading the page."""

    def get_redirect_url(self, *args: object, **kwargs: object) -> str:
        return static("favicon.svg")
