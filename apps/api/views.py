"""What every API view shares: who may call, how often, and how an answer is dressed."""

from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import access
from apps.accounts.selectors import Identity, InvalidApiKey
from apps.api.errors import told
from apps.api.rendering import Json
from apps.core import envelopes, throttling
from apps.core.addresses import client_ip

_JSON = Json()
# Nothing of an answer is ever a page.
_POLICY = "default-src 'none'; frame-ancestors 'none'"


class ApiView(APIView):
    """An endpoint.

    `scope` is what the key must be allowed to do. With `open_to_all` a call without a key is welcome too;
    `request.auth` is then None. `is_paid` says that a call may cost money.
    """

    scope: ClassVar[str] = ""
    open_to_all: ClassVar[bool] = False
    is_paid: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Identify, count, permit: in this order, so that refused calls count too."""
        if request.method == "OPTIONS":
            # Browsers ask without credentials, and nothing but the method names is told.
            _count_anonymous(request._request)
            return
        identity = _identified(request)
        if identity is None:
            _count_anonymous(request._request)
            if not self.open_to_all:
                raise InvalidApiKey("invalid API key")
        else:
            self._admit(request._request, identity)

    def _admit(self, request: HttpRequest, identity: Identity) -> None:
        allowance = throttling.count_key(
            key_id=identity.key_id or 0,
            limit=identity.rate_limit_per_minute,
            is_paid=self.is_paid and request.method == "POST",
        )
        _remember(request, allowance)
        allowance.require()
        access.check_use(identity=identity, scope=self.scope, meta=request.META)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        return answer(None, headers={"Allow": ", ".join(self.allowed_methods)})

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Dressed for rendering. There is nothing to negotiate: every answer is JSON."""
        answered: Response = response
        answered.accepted_renderer = _JSON
        answered.accepted_media_type = _JSON.media_type
        answered.renderer_context = {}  # type: ignore[attr-defined]
        for name, value in getattr(request, "_limit_headers", {}).items():
            answered[name] = value
        answered["Content-Security-Policy"] = _POLICY
        return answered


class UnknownRoute(ApiView):
    """Paths below the API's roots that are none of ours: 404 in the API's own shape, for every method."""

    open_to_all = True
    authentication_classes = ()
    schema = None

    def _unknown(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        body = envelopes.failure(
            type="not_found",
            message=envelopes.ROUTE_NOT_FOUND,
            request_id=str(getattr(request._request, "request_id", "")),
        )
        return Response(told(request._request, body), status=404)

    get = head = post = put = patch = delete = options = trace = _unknown

    def http_method_not_allowed(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> Response:
        return self._unknown(request)


def answer(data: Any, *, headers: dict[str, str] | None = None) -> Response:
    """200 and the success envelope."""
    return Response(envelopes.success(data), headers=headers)


def identity_of(request: Request) -> Identity:
    """Who calls, in a view that is not open to all."""
    identity: Identity = request.auth  # type: ignore[assignment]
    return identity


def _identified(request: Request) -> Identity | None:
    try:
        return request.auth  # type: ignore[return-value]
    except InvalidApiKey:
        _count_anonymous(request._request)
        raise


def _count_anonymous(request: HttpRequest) -> None:
    allowance = throttling.count_address(ip=client_ip(request.META))
    _remember(request, allowance)
    allowance.require()


def _remember(request: HttpRequest, allowance: throttling.Allowance) -> None:
    request._limit_headers = allowance.headers  # type: ignore[attr-defined]
