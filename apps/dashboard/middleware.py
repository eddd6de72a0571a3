"""A signed-in person's time zone and language on every page, and when their session was last seen."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation

from apps.accounts.models import Language

SEEN_AT = "seen_at"
# A page a second needs no row a second.
_NOTE_SECONDS = 600


class Personal:
    """Costs nothing without a session cookie; the person is looked up once a request, as pages do anyway."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_page(request) or not request.user.is_authenticated:
            return self._get_response(request)
        _note_session(request)
        with ExitStack() as stack:
            if (zone := _zone(request.user.time_zone)) is not None:
                stack.enter_context(timezone.override(zone))
            if request.user.language != Language.ENGLISH:
                stack.enter_context(translation.override(request.user.language))
            return self._get_response(request)


def _is_page(request: HttpRequest) -> bool:
    """Answers of the API say UTC, and a probe must not ask for a session."""
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return has_session and not request.path.startswith(tuple(settings.API_PREFIXES))


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo | None:
    """None for UTC, and for a zone that this machine does not know."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _note_session(request: HttpRequest) -> None:
    """Sign-in sets the mark; a session without one was made by no person."""
    seen_at = request.session.get(SEEN_AT)
    if seen_at is None or seen_at > time.time() - _NOTE_SECONDS:
        return
    request.session[SEEN_AT] = int(time.time())
    UserSession.objects.create_from_request(request)
