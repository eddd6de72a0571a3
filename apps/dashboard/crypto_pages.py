"""What the pages about payments by coin need beyond a template's reach: the picture of an address, exact amounts."""

from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlencode

import segno
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from apps.billing.chains import LOCAL
from apps.billing.models import TopUp
from apps.billing.selectors import crypto as selectors
from apps.core.money import usd


@dataclass(frozen=True)
class Page:
    """`amount` is exact and as wallets take it: "10.5". `wallet_url` is the test wallet's, in test mode only."""

    status: selectors.Status
    amount: str
    qr: SafeString
    uri: str
    wallet_url: str


def page(top_up: TopUp) -> Page | None:
    """None for what is not paid to an address of ours."""
    status = selectors.status(top_up=top_up)
    if status is None:
        return None
    uri = _uri(status)
    amount = _plain(usd(status.missing))
    return Page(
        status=status, amount=amount, qr=_qr(uri), uri=uri, wallet_url=_wallet(status, amount)
    )


def _uri(status: selectors.Status) -> str:
    """A token transfer as EIP-681 writes it; wallets fill in network, token and amount from it."""
    query = urlencode({"address": status.address, "uint256": status.units})
    return f"ethereum:{status.token_address}@{status.chain.chain_id}/transfer?{query}"


def _plain(amount: Decimal) -> str:
    text = f"{amount:.7f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}"


def _qr(text: str) -> SafeString:
    # Black on white whatever the theme: scanners want it so. Attributes of SVG, no style.
    picture = segno.make(text, error="m", micro=False).svg_inline(
        border=2, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return mark_safe(picture)  # noqa: S308 - made by the library of squares alone


def _wallet(status: selectors.Status, amount: str) -> str:
    if not settings.TEST_PAYMENTS or status.chain.name != LOCAL:
        return ""
    query = urlencode({"to": status.address, "token": status.token, "amount": amount})
    return f"/sandbox/chain/?{query}"
