"""BTCPay Server over its Greenfield API: make an invoice, find one, read what was paid of it.

After the API's own description (docs.btcpayserver.org/API/Greenfield/v1, 2.x). Amounts there are decimal strings;
`InvoicePayment.points` is what a payment is worth at the invoice's own rate, rounded down to a whole point.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.conf import settings

from apps.core import egress
from apps.core.money import POINTS_PER_USD, usd
from apps.core.wire import NoAnswer, Request

CURRENCY = "USD"
_TIMEOUT_SECONDS = 20
_EXPIRATION_MINUTES = 60


class BtcpayError(Exception):
    """Base; the message is a sentence without credentials."""


class Unavailable(BtcpayError):
    """No answer, or none we can read: try again later."""


class Refused(BtcpayError):
    """The server does not do it; asking again does not help."""


@dataclass(frozen=True)
class Invoice:
    """`status`: New, Processing, Expired, Invalid, Settled. `additional_status` says why: PaidLate, PaidPartial …"""

    ref: str
    store_id: str
    order_id: str
    amount_points: int
    currency: str
    status: str
    additional_status: str
    pay_url: str
    expires_at: datetime


@dataclass(frozen=True)
class InvoicePayment:
    """`status`: Invalid, Processing, Settled. `method` is BTCPay's name of the way: BTC-CHAIN, BTC-LN."""

    ref: str
    method: str
    points: int
    status: str
    received_at: datetime


def is_configured() -> bool:
    return bool(settings.BTCPAY_URL and settings.BTCPAY_API_KEY and settings.BTCPAY_STORE_ID)


def make_invoice(*, order_id: str, amount_points: int, return_url: str) -> Invoice:
    """Not idempotent there: look with `invoice_of` first."""
    body = {
        "amount": str(usd(amount_points).quantize(Decimal("0.01"))),
        "currency": CURRENCY,
        "metadata": {"orderId": order_id, "itemDesc": f"{settings.SITE_NAME} credits"},
        "checkout": {"redirectURL": return_url, "expirationMinutes": _EXPIRATION_MINUTES},
    }
    return _invoice(_ask("POST", "invoices", body))


def invoice_of(*, order_id: str) -> Invoice | None:
    """The invoice that was made for this order, if any was."""
    found = _ask("GET", f"invoices?{urlencode({'orderId': order_id})}")
    if not isinstance(found, list):
        raise Unavailable("BTCPay Server answers what we cannot read.")
    return _invoice(found[0]) if found else None


def invoice(ref: str) -> Invoice:
    return _invoice(_ask("GET", f"invoices/{quote(ref, safe='')}"))


def payments_of(ref: str) -> list[InvoicePayment]:
    """All of them, those that came to nothing too."""
    path = f"invoices/{quote(ref, safe='')}/payment-methods?onlyAccountedPayments=false"
    found: list[InvoicePayment] = _read(lambda: list(_payments(ref, _ask("GET", path))))
    return found


def is_signed(body: bytes, header: str) -> bool:
    """Whether `BTCPay-Sig: sha256=…` is that of the raw body by our secret. Never with an empty secret."""
    secret = settings.BTCPAY_WEBHOOK_SECRET
    ours = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(ours.encode(), header.strip().encode())


def _ask(method: str, path: str, body: Any = None) -> Any:
    base = f"{settings.BTCPAY_URL}/api/v1/stores/{quote(settings.BTCPAY_STORE_ID, safe='')}"
    request = Request(
        method=method,
        url=f"{base}/{path}",
        headers={
            "authorization": f"token {settings.BTCPAY_API_KEY}",
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=b"" if body is None else orjson.dumps(body),
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    try:
        response = egress.send(request, is_trusted=True)
    except NoAnswer as error:
        raise Unavailable(f"BTCPay Server does not answer: {error}") from None
    if response.status == 200:
        return _read(response.json)
    # A wrong key or a store that moved can be put right by the operator, so it is worth trying again.
    if response.status >= 500 or response.status in {401, 403, 408, 429}:
        raise Unavailable(f"BTCPay Server answers HTTP {response.status}.")
    raise Refused(f"BTCPay Server answers HTTP {response.status}.")


def _read(read: Any) -> Any:
    try:
        return read()
    except (ValueError, KeyError, TypeError, InvalidOperation, OverflowError):
        raise Unavailable("BTCPay Server answers what we cannot read.") from None


def _invoice(raw: Any) -> Invoice:
    found: Invoice = _read(
        lambda: Invoice(
            ref=_text(raw["id"]),
            store_id=_text(raw["storeId"]),
            order_id=str((raw.get("metadata") or {}).get("orderId", "")),
            amount_points=_points(Decimal(raw["amount"])),
            currency=_text(raw["currency"]),
            status=_text(raw["status"]),
            additional_status=str(raw.get("additionalStatus") or "None"),
            pay_url=_text(raw["checkoutLink"]),
            expires_at=datetime.fromtimestamp(int(raw["expirationTime"]), UTC),
        )
    )
    return found


def _payments(ref: str, methods: Any) -> Iterable[InvoicePayment]:
    for method in methods:
        rate = Decimal(method["rate"])
        for one in method["payments"]:
            worth = (Decimal(one["value"]) - Decimal(one["fee"])) * rate
            yield InvoicePayment(
                ref=f"{ref}:{_text(one['id'])}",
                method=_text(method["paymentMethodId"]),
                points=_points(worth),
                status=_text(one["status"]),
                received_at=datetime.fromtimestamp(int(one["receivedDate"]), UTC),
            )


def _points(dollars: Decimal) -> int:
    if not dollars.is_finite():
        raise ValueError("no amount")
    return int(dollars * POINTS_PER_USD)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value
