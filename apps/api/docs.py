"""The API's documentation in the browser: the OpenAPI document, Swagger UI and Redoc, all from this server."""

import hashlib

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.api.openapi.document import document


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """OpenAPI 3.1 as JSON. Readable from other origins: tools in a browser load it."""
    body = document()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.META.get("HTTP_IF_NONE_MATCH") == tag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, content_type="application/json")
    response["ETag"] = tag
    response["Access-Control-Allow-Origin"] = "*"
    return response


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    return render(request, "api/swagger.html", {"site_name": settings.SITE_NAME})


# Redoc makes style elements while it runs, and searches in a worker made from its own script. Swagger UI needs neither,
# and no page of either loads a script from elsewhere.
@csp_update({"style-src": [UNSAFE_INLINE], "worker-src": [SELF, "blob:"]})
@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    return render(request, "api/redoc.html", {"site_name": settings.SITE_NAME})
