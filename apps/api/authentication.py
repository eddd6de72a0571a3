"""Who calls: an API key in `x-api-key` or as a bearer token, on every route alike.

A key in the query string is not looked at: addresses end up in logs and histories. Cookies are not looked at either.
"""

import threading
import time

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.accounts import selectors, services
from apps.accounts.selectors import Identity, InvalidApiKey
from apps.core.addresses import client_ip
from apps.core.errors import DomainError

_NOTE_SECONDS = 60
_MAX_NOTED = 10_000


class ScopeDenied(DomainError):
    """The key may not be used for this."""

    type = "scope_denied"


class IpNotAllowed(DomainError):
    """The key may not be used from this address."""

    type = "ip_not_allowed"


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to an Identity. Raises InvalidApiKey for a wrong key, nothing for none."""

    def authenticate(self, request: Request) -> tuple[None, Identity] | None:
        key = given_key(request._request)
        return (None, selectors.identify(key=key)) if key else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def given_key(request: HttpRequest) -> str:
    """The key as the caller sent it, or "". `x-api-key` comes first when both headers are there."""
    key = str(request.META.get("HTTP_X_API_KEY", "")).strip()
    if key:
        return key
    scheme, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_use(*, identity: Identity, scope: str, request: HttpRequest) -> None:
    """Whether the key may be used from here and for this. Raises IpNotAllowed or ScopeDenied."""
    ip = client_ip(request.META)
    if not identity.allows_ip(ip):
        raise IpNotAllowed("This API key may not be used from your address.")
    if scope and scope not in identity.scopes:
        raise ScopeDenied(
            f"This API key may not be used for {scope}.", detail={"needed_scope": scope}
        )
    _note_use(identity, ip)


# When this process last wrote that a key was used, by key id.
_noted: dict[int, float] = {}
_noted_lock = threading.Lock()


def _note_use(identity: Identity, ip: str) -> None:
    key_id = identity.key_id
    now = time.monotonic()
    if key_id is None or _noted.get(key_id, -_NOTE_SECONDS) > now - _NOTE_SECONDS:
        return
    with _noted_lock:
        if len(_noted) >= _MAX_NOTED:
            _noted.clear()
        _noted[key_id] = now
    services.note_key_use(key_id=key_id, ip=ip or None)


def forget_noted_uses() -> None:
    """For tests: the next use of every key is written down again."""
    with _noted_lock:
        _noted.clear()


__all__ = [
    "ApiKeyAuthentication",
    "InvalidApiKey",
    "IpNotAllowed",
    "ScopeDenied",
    "check_use",
    "given_key",
]
