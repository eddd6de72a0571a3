"""POST /hooks/btcpay: the operator's BTCPay Server says that something has happened to an invoice.

Signed, kept and answered; a job understands it. 404 while no secret is set, since an empty one would let anybody sign.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

import orjson
from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.views import ApiView, answer
from apps.billing.gateways import btcpay as gateway
from apps.billing.gateways.stripe import Event
from apps.billing.models import Provider
from apps.billing.services.inbox import receive
from apps.core import throttling
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, NotFound

MAX_BYTES = 1024 * 1024


class BtcpayHook(ApiView):
    """No key: the signature is one. Answers the same however often a delivery is repeated."""

    authentication_classes = ()
    schema = None
    operations: ClassVar[dict[str, Any]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.BTCPAY_WEBHOOK_SECRET:
            raise NotFound("There is nothing of this name.")

    def post(self, request: Request) -> Response:
        body = parsing.raw_body(request._request, limit=MAX_BYTES)
        if not gateway.is_signed(body, request._request.headers.get("BTCPay-Sig", "")):
            throttling.count_address(ip=client_ip(request.META)).require()
            raise InvalidRequest("The signature does not fit.")
        receive.store(source=Provider.BTCPAY, events=[_event(body)])
        return answer(None)


def _event(body: bytes) -> Event:
    try:
        told = orjson.loads(body)
        # A redelivery has an id of its own; it is the same event.
        event = Event(
            ref=_word(told.get("originalDeliveryId") or told["deliveryId"], 200),
            kind=_word(told["type"], 100),
            object_ref=_word(told["invoiceId"], 200),
            happened_at=datetime.fromtimestamp(int(told["timestamp"]), UTC),
            payload=told,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InvalidRequest("The body is no event.") from None
    parsing.check_values(told)
    if told.get("storeId") != settings.BTCPAY_STORE_ID:
        raise InvalidRequest("The event is of another store.")
    return event


def _word(value: Any, most: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise TypeError("no word")
    return value
