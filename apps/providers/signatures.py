"""Whether a callback proves that its sender knows our secret."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

_PREFIX = "whsec_"
# Standard Webhooks: an older message may be a replay.
_TOLERANCE_SECONDS = 300


def holds_secret(headers: Mapping[str, str], secret: str) -> bool:
    """Whether `x-webhook-secret` is our secret itself. Header names in lower case."""
    given = headers.get("x-webhook-secret", "")
    return bool(secret) and hmac.compare_digest(_bytes(given), _bytes(secret))


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, *, now: float) -> bool:
    """Whether a signature by Standard Webhooks is right and at most five minutes off `now` (Unix seconds)."""
    sent_at = headers.get("webhook-timestamp", "")
    if not (secret and sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 16):
        return False
    if abs(now - int(sent_at)) > _TOLERANCE_SECONDS:
        return False
    signed = _bytes(f"{headers.get('webhook-id', '')}.{sent_at}.") + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(digest)
    given = _bytes(headers.get("webhook-signature", "")).split()
    return any(hmac.compare_digest(one, expected) for one in given)


def _key(secret: str) -> bytes:
    """The secret's bytes; after `whsec_` they are in base64."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return _bytes(secret)


def _bytes(value: str) -> bytes:
    # A header may hold half a surrogate, which has no UTF-8.
    return value.encode("utf-8", "replace")
