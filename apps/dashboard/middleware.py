"""Pages travel compressed; the language of every page; a signed-in person's time zone, and when they were last seen."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from apps.accounts.models import User

SEEN_AT = "seen_at"
# A page a second needs no row a second.
_NOTE_SECONDS = 600


# What is for people; "" are allauth's pages. All else are interfaces: they answer in English and say UTC, whatever the
# client's library sends along.
_OF_PAGES = frozenset({"", "dashboard", "site"})


class CompressedPages(GZipMiddleware):
    """HTML only: answers of the API are small and many, files and exports are streams.

    A page holds secrets next to what a visitor may choose, so its compressed length must not tell of them: Django adds
    bytes of random number, and masks its token anew in each page (https://breachattack.com).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if not isinstance(response, HttpResponse) or not is_page:
            return response
        return super().process_response(request, response)


class Personal:
    """Costs nothing without a session cookie; the person is looked up once a request, as pages do anyway."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with ExitStack() as stack:
            request._personal = stack  # type: ignore[attr-defined]
            answer = self._get_response(request)
        if _is_page(request):
            # A cache in between must not give one person's language to the next.
            patch_vary_headers(answer, ["Accept-Language", "Cookie"])
        return answer

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> None:
        """Now it is known what was asked for."""
        if not _is_page(request):
            return
        stack: ExitStack = request._personal  # type: ignore[attr-defined]
        person = _person(request)
        if person is None:
            stack.enter_context(translation.override(spoken(request)))
            return
        _note_session(request)
        if (zone := _zone(person.time_zone)) is not None:
            stack.enter_context(timezone.override(zone))
        stack.enter_context(translation.override(person.language))


def spoken(request: HttpRequest) -> str:
    """The language of whoever is not signed in: chosen on a page, else as the browser asks for, else English."""
    return translation.get_language_from_request(request)


def _is_page(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and (match.app_names[0] if match.app_names else "") in _OF_PAGES


def _person(request: HttpRequest) -> User | None:
    """Whoever is signed in. A probe must not ask for a session."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
        return request.user
    return None


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
