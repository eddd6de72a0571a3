"""POST /hooks/providers/{token}: a provider says that work of ours has changed.

The token is the attempt's unguessable name, which only its provider was told. Even so the call is believed in nothing
but this: that it is time to look.
"""

import re
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.views import ApiView, answer
from apps.core import throttling
from apps.core.addresses import client_ip
from apps.core.errors import NotFound
from apps.tasks.services import callbacks

MAX_BYTES = 1024 * 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ProviderHook(ApiView):
    """No key: the address is the secret. Answers the same however often a call is repeated."""

    authentication_classes = ()
    schema = None
    operations: ClassVar[dict[str, Any]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        throttling.count_callback(ip=client_ip(request.META)).require()

    def post(self, request: Request, token: str) -> Response:
        body = parsing.raw_body(request._request, limit=MAX_BYTES)
        if not _TOKEN.fullmatch(token) or not callbacks.receive(
            reference=token, headers=_headers(request), body=body
        ):
            raise NotFound("There is nothing of this name.")
        return answer(None)


def _headers(request: Request) -> dict[str, str]:
    """By lower-case name, as adapters read them."""
    return {name.lower(): value for name, value in request._request.headers.items()}
