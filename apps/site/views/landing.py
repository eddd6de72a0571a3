"""The first page: what this is, what this installation can do and what it asks for it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from apps.byoa import selectors
from apps.catalog import pricing, registry
from apps.catalog.spec import OutputKind, TaskSpec
from apps.catalog.units import unit_words
from apps.site import live

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
    OutputKind.IMAGE: (gettext_noop("Images"), "photo"),
    OutputKind.VIDEO: (gettext_noop("Video"), "video"),
    OutputKind.AUDIO: (gettext_noop("Speech and music"), "music"),
    OutputKind.MODEL_3D: ("3D", "cube"),
    OutputKind.TEXT: (gettext_noop("Text"), "file-text"),
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
    token = request.GET.get("live", "")
    return page(request, live=live.look(token=token) if token else None)


def page(request: HttpRequest, *, status: int = 200, **example: Any) -> HttpResponse:
    """`example` is what has become of the one that runs on the page."""
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
            "has_live": live.is_on(),
            **example,
        },
        status=status,
    )


def _kind(kind: OutputKind, specs: list[TaskSpec], available: list[TaskSpec]) -> _Kind:
    word, icon = _WORDS[kind]
    return _Kind(
        _(word),
        icon,
        total=sum(spec.kind == kind for spec in specs),
        available=sum(spec.kind == kind for spec in available),
    )


def _priced(spec: TaskSpec) -> tuple[TaskSpec, Decimal, str]:
    points = pricing.rates_for(spec=spec)
    lowest, unit = min((points[rate.name], rate.unit) for rate in spec.rates)
    return spec, lowest, unit_words(unit)
