"""A request of `/v1`: who asks, how often, and what. Everything that refuses it before a model is looked for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.conf import settings
from starlette.types import Receive, Scope

from apps.accounts import access, selectors
from apps.accounts.selectors import Identity, InvalidApiKey
from apps.core.addresses import client_ip
from apps.core.errors import InvalidRequest, TooLarge
from apps.core.threads import in_thread
from apps.gateway import admission
from apps.llm.services.lane import Lane

_SCOPE = "llm"


class ClientLeft(Exception):
    """The connection ended before the request was whole; there is nobody to answer."""


@dataclass(slots=True)
class Asked:
    """Who asks. `told` are headers of the answer, whatever it is."""

    identity: Identity
    meta: Mapping[str, Any] = field(repr=False)
    told: dict[str, str] = field(default_factory=dict)

    @property
    def service_mode(self) -> str:
        """Ours: the pool for this call, in place of the workspace's setting."""
        return str(self.meta.get("HTTP_X_SERVICE_MODE", "")).strip().lower()


async def asked(lane: Lane, scope: Scope, told: dict[str, str]) -> Asked:
    """Identify, count, permit: in this order, so that refused calls count too.

    Raises InvalidApiKey, RateLimited, IpNotAllowed or ScopeDenied; `told` gets the headers about the allowance also
    then.
    """
    meta = admission.meta_of(scope)
    try:
        identity = await _identity(meta)
    except InvalidApiKey:
        await in_thread(admission.count_anonymous, meta, told=told)
        raise
    allowance = await lane.limits.count_request(identity)
    told.update(allowance.headers)
    told["x-ratelimit-limit-requests"] = told["RateLimit-Limit"]
    told["x-ratelimit-remaining-requests"] = told["RateLimit-Remaining"]
    told["x-ratelimit-reset-requests"] = f"{told['RateLimit-Reset']}s"
    allowance.require()
    ip = client_ip(meta)
    access.check(identity=identity, scope=_SCOPE, ip=ip)
    if access.must_note(identity):
        await in_thread(access.note_use, identity, ip=ip)
    return Asked(identity, meta, told)


async def _identity(meta: Mapping[str, Any]) -> Identity:
    key = access.given_key(meta)
    known = selectors.known(key=key) if key else None
    if known is not None:
        return known
    identity: Identity = await in_thread(access.required, meta)
    return identity


async def body_of(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises TooLarge, InvalidRequest where it does not come in time, ClientLeft."""
    most = settings.LLM_MAX_BODY_BYTES
    if _declared(scope) > most:
        raise _too_large(most)
    message = await _first(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return within_bounds(body)
    return await _rest(receive, bytearray(body), most)


def within_bounds(body: bytes) -> bytes:
    """The same. Raises TooLarge."""
    most = settings.LLM_MAX_BODY_BYTES
    if len(body) > most:
        raise _too_large(most)
    return body


async def _first(receive: Receive) -> Any:
    try:
        async with asyncio.timeout(settings.LLM_BODY_SECONDS):
            message = await receive()
    except TimeoutError:
        raise _too_slow() from None
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message


async def _rest(receive: Receive, body: bytearray, most: int) -> bytes:
    try:
        # For all of it: who sends a byte a second holds a place for everybody else.
        async with asyncio.timeout(settings.LLM_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                body += message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _too_slow() from None


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        f"The request is larger than {most // 1024 // 1024} MB.", detail={"max_bytes": most}
    )


def _too_slow() -> InvalidRequest:
    seconds = settings.LLM_BODY_SECONDS
    return InvalidRequest(f"The request did not arrive within {seconds} seconds.")


def parsed(body: bytes) -> Any:
    """The body as JSON, whatever its content type says. Raises InvalidRequest."""
    if not body.strip():
        raise InvalidRequest("The request has no body; send a JSON object.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The request is no valid JSON: {error}") from None
