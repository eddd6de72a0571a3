"""Who sits at a browser, for endpoints on the event loop: Django's session and its check against forged requests.

Django's own machinery does both, in a thread; nothing of it is done again here.
"""

from io import BytesIO
from typing import Any

from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from starlette.types import Scope

from apps.accounts import selectors
from apps.accounts.policies import Permission, may
from apps.accounts.selectors import Identity, InvalidApiKey
from apps.core.errors import DomainError
from apps.core.threads import in_thread
from apps.gateway.admission import meta_of


class SignedOut(InvalidApiKey):
    """No session, or one that has ended."""


class NotAllowed(DomainError):
    """The person's role does not include it, or the request may come from another site."""

    type = "scope_denied"


async def member_of(
    scope: Scope, slug: str, *, permission: Permission = Permission.RUN_TASKS
) -> Identity:
    """The person as a member of that workspace whose role includes `permission`.

    Raises SignedOut, NotFound for everybody else's workspace, NotAllowed.
    """
    identity: Identity = await in_thread(_member_of, _environ(scope), slug, permission)
    return identity


def _member_of(environ: dict[str, Any], slug: str, permission: Permission) -> Identity:
    request = WSGIRequest(environ)
    SessionMiddleware(_no_view).process_request(request)
    user = get_user(request)
    if isinstance(user, AnonymousUser):
        raise SignedOut("You are signed out. Sign in again in this browser; nothing was charged.")
    if reason := _Forgery(_no_view).found_in(request):
        raise NotAllowed(f"The browser's request could not be trusted: {reason} Reload the page.")
    membership = selectors.membership(user=user, slug=slug)
    if not may(membership.role, permission):
        raise NotAllowed("Your role in this workspace can look, not run. Ask an admin for another.")
    return selectors.identity_of_member(
        workspace=membership.workspace, user=user, membership=membership
    )


class _Forgery(CsrfViewMiddleware):
    """Django's check, which says what is wrong instead of making a page of it."""

    reason = ""

    def found_in(self, request: HttpRequest) -> str:
        """Why the request may be forged; "" where it is not."""
        self.process_request(request)
        self.process_view(request, _no_view, (), {})
        return self.reason

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        self.reason = reason
        return HttpResponse(status=403)


def _no_view(request: HttpRequest) -> HttpResponseBase:
    raise NotImplementedError


def _environ(scope: Scope) -> dict[str, Any]:
    """The request in WSGI's words, without its body, which is not Django's here."""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    host, port = scope.get("server") or ("localhost", None)
    return {
        **meta_of(scope),
        # HTTP/2 lets a browser send each in a header of its own.
        "HTTP_COOKIE": b"; ".join(cookies).decode("latin-1"),
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(),
    }
