"""From a request for a task, as it came over HTTP, to what the domain takes.

Clients differ in how they leave something out: absent, null, "" and {} all mean the same.
"""

import hashlib
import re
from typing import Any

import orjson
from django.http import HttpRequest

from apps.core.errors import InvalidRequest
from apps.tasks.services.request import TaskRequest

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
# It is sent back to the customer as a header, so it must fit into one.
_SECRET = re.compile(r"[\x20-\x7e]{0,512}")


def task_request(body: dict[str, Any], *, idempotency_key: str | None = None) -> TaskRequest:
    """Raises InvalidRequest when a part has the wrong type. Model and input are checked by the domain."""
    config = _object(body.get("config"), "config")
    webhook = _object(config.get("webhook_config"), "config.webhook_config")
    return TaskRequest(
        model=body.get("model"),
        task_type=body.get("task_type"),
        input=_object(body.get("input"), "input"),
        service_mode=_text(config.get("service_mode"), "config.service_mode"),
        webhook_endpoint=_text(webhook.get("endpoint"), "config.webhook_config.endpoint").strip(),
        webhook_secret=_secret(webhook.get("secret")),
        idempotency_key=idempotency_key,
        fingerprint=_fingerprint(body) if idempotency_key else b"",
    )


def idempotency_key(request: HttpRequest) -> str | None:
    """The header's value, or None without the header. Raises InvalidRequest when it cannot be a key."""
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest.field("Idempotency-Key", "Give 1 to 255 printable ASCII characters.")
    return str(key)


def _fingerprint(body: dict[str, Any]) -> bytes:
    """The same for two bodies that mean the same JSON, whatever their spacing and order of keys."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()


def _object(value: Any, name: str) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest.field(name, "This must be an object.")
    return value


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest.field(name, "This must be a string.")
    return value


def _secret(value: Any) -> str:
    secret = _text(value, "config.webhook_config.secret")
    if not _SECRET.fullmatch(secret):
        raise InvalidRequest.field(
            "config.webhook_config.secret", "At most 512 printable ASCII characters."
        )
    return secret
