"""Who gets to see a page."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts import selectors
from apps.accounts.policies import Permission
from apps.core.errors import NotFound
from apps.dashboard.http import DashboardRequest, allowed, missing, require

P = ParamSpec("P")
View = Callable[Concatenate[DashboardRequest, P], HttpResponseBase]
Routed = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

LAST_WORKSPACE = "last_workspace"


def signed_in(view: View[P]) -> Routed[P]:
    """Require a person. An htmx request of an expired session sends the whole page to sign-in, and back afterwards."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(cast(DashboardRequest, request), *args, **kwargs)
        return _to_sign_in(cast(DashboardRequest, request))

    return wrapped


def in_workspace(
    permission: Permission, *, to_change: Permission | None = None
) -> Callable[[View[P]], Routed[P]]:
    """Require a member of the workspace in the URL whose role includes `permission`.

    For everybody else the page does not exist: 404. `to_change` is what any method but GET and HEAD needs on
    top; without it they get the 403 page, since they may see the page but not press its button.
    """

    def decorator(view: View[P]) -> Routed[P]:
        @wraps(view)
        def wrapped(
            request: DashboardRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            slug = str(kwargs.pop("slug"))
            _enter(request, slug)
            if not allowed(request, permission):
                raise Http404("Your role does not include this page.")
            if to_change is not None and request.method not in {"GET", "HEAD"}:
                require(request, to_change)
            return view(request, *args, **kwargs)

        return signed_in(wrapped)

    return decorator


def _enter(request: DashboardRequest, slug: str) -> None:
    # All of them: the menu of the page lists them too.
    request.memberships = list(selectors.memberships(user=request.user))
    mine = next((one for one in request.memberships if one.workspace.slug == slug), None)
    if mine is None:
        missing(NotFound(f"There is no workspace {slug}."))
    request.membership = mine
    request.workspace = request.membership.workspace
    request.identity = selectors.identity_of_member(
        workspace=request.workspace, user=request.user, membership=request.membership
    )
    if request.session.get(LAST_WORKSPACE) != slug:
        request.session[LAST_WORKSPACE] = slug


def _to_sign_in(request: DashboardRequest) -> HttpResponse:
    if not request.htmx:
        return redirect_to_login(request.get_full_path(), reverse("account_login"))
    page = request.htmx.current_url_abs_path or request.get_full_path()
    return HttpResponseClientRedirect(redirect_to_login(page, reverse("account_login")).url)
