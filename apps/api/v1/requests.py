"""From a request for a task, as it came over HTTP, to what the domain takes.

Clients differ in how they leave something out: absent, null, "" and {} all mean the same.
"""

import hashlib
import re
from typing import Any

import orjson
from django.http import HttpRequest

from apps.core.errors import InvalidRequest
from apps.tasks.models import Retention
from apps.tasks.services.request import TaskRequest

_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
# It is sent back to the customer as a header, so it must fit into one.
_SECRET = re.compile(r"[\x20-\x7e]{0,512}")
_LONGEST_REFERENCE = 255
_DEADLINE = re.compile(r"[0-9]{1,5}")
_LONGEST_DEADLINE_SECONDS = 86_400


def task_request(
    body: dict[str, Any],
    *,
    idempotency_key: str | None = None,
    deadline_seconds: int | None = None,
) -> TaskRequest:
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
        webhook_progress=_flag(webhook.get("progress"), "config.webhook_config.progress"),
        client_reference=client_reference(
            config.get("client_reference"), "config.client_reference"
        ),
        retention=_retention(config.get("retention")),
        deadline_seconds=deadline_seconds,
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


def deadline_seconds(request: HttpRequest) -> int | None:
    """`X-Deadline-Seconds`, or None without it. Raises InvalidRequest when it is no number from 1 to 86400."""
    text = request.META.get("HTTP_X_DEADLINE_SECONDS")
    if text is None:
        return None
    if not _DEADLINE.fullmatch(text) or not 1 <= int(text) <= _LONGEST_DEADLINE_SECONDS:
        raise InvalidRequest.field(
            "X-Deadline-Seconds", f"Give whole seconds from 1 to {_LONGEST_DEADLINE_SECONDS}."
        )
    return int(text)


def client_reference(value: Any, name: str) -> str:
    """A customer's own name for a task, or "". Raises InvalidRequest when it is too long or cannot be kept."""
    reference = _text(value, name)
    if len(reference) > _LONGEST_REFERENCE or "\0" in reference:
        raise InvalidRequest.field(name, f"Give at most {_LONGEST_REFERENCE} characters.")
    return reference


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


def _flag(value: Any, name: str) -> bool | None:
    if value is None or value == "":
        return None
    if not isinstance(value, bool):
        raise InvalidRequest.field(name, "This must be true or false.")
    return value


def _retention(value: Any) -> str:
    retention = _text(value, "config.retention") or str(Retention.PLAN)
    if retention not in Retention.values:
        raise InvalidRequest.field(
            "config.retention", f"Give one of {', '.join(Retention.values)}."
        )
    return retention
