"""Every error of the API in one shape, and the pages for everybody else.

The table itself is `apps.core.envelopes`. Must not import `rest_framework.views`: the REST framework loads this module
while it reads its settings.
"""

import re
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils import translation
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.response import Response

from apps.core import envelopes, refusals

# The first segments of paths that programs call; what goes wrong there is told as JSON.
_API_PATH = re.compile(r"/(api|account|v1|mj|hooks)(/|$)")
# Clients of this one look at `status` first.
_V2_PATH = re.compile(r"/mj/v2(/|$)")


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """The REST framework's exception handler: an envelope for whatever was raised in a view."""
    request: HttpRequest = context["request"]._request
    if isinstance(error, MethodNotAllowed):
        message = f"{request.method} is not possible here."
        response = _answer(request, "invalid_request", message, http=405)
        response["Allow"] = ", ".join(context["view"].allowed_methods)
        return response
    if isinstance(error, Http404):
        return _answer(request, "not_found", envelopes.ROUTE_NOT_FOUND)
    if isinstance(error, (APIException, BadRequest, SuspiciousOperation, PermissionDenied)):
        return _answer(request, "invalid_request", "The request is not valid.")
    return _response(request, refusals.of_error(error, request_id=_request_id(request)))


def told(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """The error as the callers of this path know it."""
    return {"status": "failed", **body} if _V2_PATH.match(request.path) else body


def _answer(request: HttpRequest, type: str, message: str, *, http: int | None = None) -> Response:
    refusal = refusals.refusal(type, message, request_id=_request_id(request), http=http)
    return _response(request, refusal)


def _response(request: HttpRequest, refusal: refusals.Refusal) -> Response:
    return Response(told(request, refusal.body), status=refusal.status, headers=refusal.headers)


def _request_id(request: HttpRequest) -> str:
    return str(getattr(request, "request_id", ""))


# ------------------------------------------------------- outside of API views
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "invalid_request", "The request is not valid.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "scope_denied", "You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404, "not_found", envelopes.ROUTE_NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(request, 500, "internal_error", "Something went wrong on our side.")


def _page(request: HttpRequest, status: int, type: str, message: str) -> HttpResponse:
    """An envelope for programs; for people the template of that status, or plain text while there is none."""
    if _API_PATH.match(request.path):
        body = envelopes.failure(
            type=type, message=message, request_id=_request_id(request), http=status
        )
        text = orjson.dumps(told(request, body))
        return HttpResponse(text, status=status, content_type="application/json")
    try:
        # No request context: a page that explains a fault must not need what may be at fault.
        with translation.override(_language(request)):
            page = render_to_string(f"{status}.html", {"request_id": _request_id(request)})
    except TemplateDoesNotExist:
        return HttpResponse(f"{status} {message}", status=status, content_type="text/plain")
    return HttpResponse(page, status=status)


def _language(request: HttpRequest) -> str:
    """That of the page; at an address that is none nobody has set one, so what the browser or its cookie asks for."""
    if request.resolver_match is None:
        return translation.get_language_from_request(request)
    return translation.get_language() or settings.LANGUAGE_CODE
