"""What an event looks like on the wire: Standard Webhooks 1.0 and the contract's echoed secret."""

import base64
import binascii
import hashlib
import hmac
import re

from django.conf import settings

from apps.core.wire import Request

TIMEOUT_SECONDS = 15
MAX_ANSWER_BYTES = 64 * 1024
_PREFIX = "whsec_"
# Between two secrets that both sign; no secret holds it.
_AND = "\n"


def request(
    *, endpoint: str, message_id: str, sequence: int, body: str, secret: str, now: int
) -> Request:
    """One attempt. `now` is its Unix time; `message_id` and `sequence` are those of every attempt of the event.

    `secret` may be several that were `joined`: all of them sign, the first is echoed.
    """
    headers = {
        "content-type": "application/json",
        "user-agent": _user_agent(),
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-sequence": str(sequence),
    }
    raw = body.encode()
    if secret:
        secrets = secret.split(_AND)
        headers["x-webhook-secret"] = secrets[0]
        headers["webhook-signature"] = " ".join(
            signature(secret=one, message_id=message_id, timestamp=now, body=raw) for one in secrets
        )
    return Request(
        "POST", endpoint, headers, raw, timeout_seconds=TIMEOUT_SECONDS, max_bytes=MAX_ANSWER_BYTES
    )


def joined(*secrets: str) -> str:
    """Several secrets as one, for the time in which receivers change from one to the other."""
    return _AND.join(secrets)


def traces_of(secret: str) -> list[str]:
    """What an answer could repeat of secrets that were `joined`: whole, and without their prefix. Longest first."""
    parts = secret.split(_AND)
    return sorted({*parts, *(one.removeprefix(_PREFIX) for one in parts)} - {""}, key=len)[::-1]


def signature(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64 HMAC-SHA256 of "id.timestamp.body">`."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    """The secret's bytes; of `whsec_…` those that its base64 stands for, where it is base64."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def _user_agent() -> str:
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", settings.SITE_NAME).strip("-")
    return f"{name or 'Modelyard'}-Webhooks/1"
