"""Who calls: an API key in `x-api-key` or as a bearer token, on every route alike.

A key in the query string is not looked at: addresses end up in logs and histories. Cookies are not looked at either.
Requests come here as WSGI's environment says them (`HTTP_X_API_KEY`, `REMOTE_ADDR`), whatever server they came through.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

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


def identify(meta: Mapping[str, Any]) -> Identity | None:
    """Who calls, or None without a key. Raises InvalidApiKey for a wrong one."""
    key = given_key(meta)
    return selectors.identify(key=key) if key else None


def required(meta: Mapping[str, Any]) -> Identity:
    """Who calls. Raises InvalidApiKey, for no key as for a wrong one."""
    identity = identify(meta)
    if identity is None:
        raise InvalidApiKey("invalid API key")
    return identity


def given_key(meta: Mapping[str, Any]) -> str:
    """The key as the caller sent it, or "". `x-api-key` comes first when both headers are there."""
    key = str(meta.get("HTTP_X_API_KEY", "")).strip()
    if key:
        return key
    scheme, _, token = str(meta.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_use(*, identity: Identity, scope: str, meta: Mapping[str, Any]) -> None:
    """Whether the key may be used from here and for this. Raises IpNotAllowed or ScopeDenied."""
    ip = client_ip(meta)
    check(identity=identity, scope=scope, ip=ip)
    if must_note(identity):
        note_use(identity, ip=ip)


def check(*, identity: Identity, scope: str, ip: str) -> None:
    """The same without writing down that the key was used."""
    if not identity.allows_ip(ip):
        raise IpNotAllowed("This API key may not be used from your address.")
    if scope and scope not in identity.scopes:
        raise ScopeDenied(
            f"This API key may not be used for {scope}.", detail={"needed_scope": scope}
        )


# When this process last wrote that a key was used, by key id.
_noted: dict[int, float] = {}
_noted_lock = threading.Lock()


def must_note(identity: Identity) -> bool:
    """Whether a use of the key is to be written down now; says so once a minute."""
    key_id = identity.key_id
    now = time.monotonic()
    if key_id is None or _noted.get(key_id, -_NOTE_SECONDS) > now - _NOTE_SECONDS:
        return False
    with _noted_lock:
        if len(_noted) >= _MAX_NOTED:
            _noted.clear()
        _noted[key_id] = now
    return True


def note_use(identity: Identity, *, ip: str) -> None:
    """Write down when and from where the key was used."""
    if identity.key_id is not None:
        services.note_key_use(key_id=identity.key_id, ip=ip or None)


def forget_noted_uses() -> None:
    """For tests: the next use of every key is written down again."""
    with _noted_lock:
        _noted.clear()
