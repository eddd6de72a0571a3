"""Where a person lands, and what is their own: profile links and theme."""

from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
)
from django.shortcuts import redirect, render
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.common import no_append_slash
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from apps.accounts import selectors
from apps.accounts.models import Language
from apps.accounts.services import people
from apps.billing.services.onboarding import open_workspace
from apps.dashboard.context import THEME_COOKIE, THEMES
from apps.dashboard.decorators import LAST_WORKSPACE, signed_in
from apps.dashboard.http import DashboardRequest

_YEAR_SECONDS = 365 * 24 * 3600


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def home(request: DashboardRequest) -> HttpResponse:
    """To the workspace of last time, or the first. Who has none can open one here."""
    slugs = [found.workspace.slug for found in selectors.memberships(user=request.user)]
    if slugs:
        last = request.session.get(LAST_WORKSPACE)
        return redirect("dashboard:overview", slug=last if last in slugs else slugs[0])
    if request.method == "POST":
        return _open(request)
    return render(request, "dashboard/home.html")


# Or Django would send an address that is none here with a slash, and this without one, for ever.
@no_append_slash
@require_safe
def without_slash(request: HttpRequest) -> HttpResponse:
    """To the address as it is written here. One leading slash, so that it stays on this site."""
    query = request.META["QUERY_STRING"]
    target = "/" + request.path.strip("/") + (f"?{query}" if query else "")
    return HttpResponsePermanentRedirect(iri_to_uri(target))


def _open(request: DashboardRequest) -> HttpResponse:
    name = request.POST.get("name", "").strip()[:100]
    if not name or "\0" in name:
        return render(request, "dashboard/home.html", {"error": _("Give it a name.")}, status=422)
    workspace = open_workspace(owner=request.user, name=name, grant_points=0)
    return redirect("dashboard:overview", slug=workspace.slug)


@require_GET
@signed_in
def me(request: DashboardRequest) -> HttpResponse:
    """The person's own page: sign-in methods (allauth's pages), theme, workspaces."""
    kinds = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    return render(
        request,
        "dashboard/me.html",
        {
            "memberships": selectors.memberships(user=request.user),
            "has_totp": Authenticator.Type.TOTP in kinds,
            "has_passkey": Authenticator.Type.WEBAUTHN in kinds,
            "providers": get_adapter().list_providers(request),
        },
    )


@require_POST
def theme(request: DashboardRequest) -> HttpResponse:
    """Remember the theme in a cookie, so that the server renders it and no page flashes. Works signed out."""
    response = HttpResponseRedirect(_back(request))
    choice = request.POST.get("theme", "")
    if choice in THEMES:
        response.set_cookie(THEME_COOKIE, choice, max_age=_YEAR_SECONDS, samesite="Lax")
    return response


@require_POST
def language(request: DashboardRequest) -> HttpResponse:
    """Remember the language: of a signed-in person with their profile, of anybody else in a cookie."""
    response = HttpResponseRedirect(_back(request))
    choice = request.POST.get("language", "")
    if choice not in Language.values:
        return response
    if request.user.is_authenticated:
        people.speak(user=request.user, language=choice)
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        choice,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        samesite="Lax",
        secure=settings.LANGUAGE_COOKIE_SECURE,
    )
    return response


def _back(request: DashboardRequest) -> str:
    """The page the form was on, if it is one of ours."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else "/"
