"""POST /hooks/stripe: Stripe says that something has happened.

Signed, kept and answered; a job understands it. 404 while no secret is set, since an empty one would let anybody sign.
"""

import re
import time
from typing import Any, ClassVar

import orjson
import stripe
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.views import ApiView, answer
from apps.billing.gateways import stripe as gateway
from apps.billing.models import Provider
from apps.billing.services.inbox import receive
from apps.core import throttling
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound

MAX_BYTES = 1024 * 1024
# How far a signature's time may be from ours, either way. The library looks at the past only.
TOLERANCE_SECONDS = 300
_TIME = re.compile(r"(?:^|,)t=([0-9]{1,12})(?:,|$)")


class StripeHook(ApiView):
    """No key: the signature is one. Answers the same however often an event is repeated."""

    authentication_classes = ()
    schema = None
    operations: ClassVar[dict[str, Any]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.STRIPE_WEBHOOK_SECRET:
            raise NotFound("There is nothing of this name.")

    def post(self, request: Request) -> Response:
        body = parsing.raw_body(request._request, limit=MAX_BYTES)
        if not _is_signed(body, request._request.headers.get("Stripe-Signature", "")):
            # Only who cannot sign is counted: Stripe may come as often as it likes.
            throttling.count_address(ip=client_ip(request.META)).require()
            raise InvalidRequest("The signature does not fit.")
        receive.store(source=Provider.STRIPE, events=[_event(body)])
        return answer(None)


def _is_signed(body: bytes, header: str) -> bool:
    told = _TIME.search(header)
    if told is None or int(told[1]) > time.time() + TOLERANCE_SECONDS:
        return False
    try:
        stripe.WebhookSignature.verify_header(
            body, header, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS
        )
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        # ValueError: no UTF-8. TypeError: a signature of other characters than hexadecimal ones.
        return False
    return True


def _event(body: bytes) -> gateway.Event:
    try:
        told = orjson.loads(body)
        event = gateway.event(told)
    except (orjson.JSONDecodeError, ValueError, AttributeError):
        raise InvalidRequest("The body is no event.") from None
    parsing.check_values(told)
    if bool(told.get("livemode")) != gateway.is_live():
        raise InvalidRequest("The event is of the other mode, live or test.")
    return event
