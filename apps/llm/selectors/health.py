"""How well calls of language models work for everybody together."""

from datetime import date

from django.conf import settings

from apps.byoa.selectors import hopeful
from apps.catalog.llm.model import PROVIDERS
from apps.llm.models import LaneDay

_LOCAL = "local"


def lane_days(*, first: date) -> list[LaneDay]:
    """What became of calls from that UTC day on, oldest day first."""
    return list(LaneDay.objects.filter(day__gte=first).order_by("day"))


def is_lane_available() -> bool:
    """Whether any model answers: on an account of the operator's, or on our own server."""
    if settings.LOCAL_MODELS_URL:
        return True
    return bool(hopeful(providers=[name for name in PROVIDERS if name != _LOCAL]))
