"""Who may call the gateway: the same rules, limits and refusals as on the routes that Django serves."""

from typing import Any

from starlette.types import Scope

from apps.accounts import access
from apps.accounts.selectors import Identity, InvalidApiKey
from apps.core import throttling
from apps.core.addresses import client_ip


def meta_of(scope: Scope) -> dict[str, Any]:
    """The headers and the peer's address, named as in WSGI's environment.

    Headers with an underscore are left out: they could pass for ones with a hyphen.
    """
    meta: dict[str, Any] = {"REMOTE_ADDR": (scope.get("client") or ("",))[0]}
    for raw_name, raw_value in scope["headers"]:
        if b"_" not in raw_name:
            name = "HTTP_" + raw_name.decode("latin-1").upper().replace("-", "_")
            value = raw_value.decode("latin-1")
            meta[name] = f"{meta[name]},{value}" if name in meta else value
    return meta


def admit(meta: dict[str, Any], *, scope: str, told: dict[str, str]) -> Identity:
    """Identify, count, permit: in this order, so that refused calls count too. Blocks.

    `told` receives the headers about the caller's allowance, also when this raises: InvalidApiKey, RateLimited,
    IpNotAllowed or ScopeDenied.
    """
    try:
        identity = access.required(meta)
    except InvalidApiKey:
        count_anonymous(meta, told=told)
        raise
    allowance = throttling.count_key(
        key_id=identity.key_id or 0, limit=identity.rate_limit_per_minute, is_paid=False
    )
    _count(allowance, told)
    access.check_use(identity=identity, scope=scope, meta=meta)
    return identity


def check_again(meta: dict[str, Any], *, scope: str) -> None:
    """Whether a caller who was admitted still would be; this does not count. Blocks, raises as `admit`."""
    access.check_use(identity=access.required(meta), scope=scope, meta=meta)


def count_anonymous(meta: dict[str, Any], *, told: dict[str, str]) -> None:
    """Count a call without a valid key. Blocks, raises RateLimited."""
    _count(throttling.count_address(ip=client_ip(meta)), told)


def _count(allowance: throttling.Allowance, told: dict[str, str]) -> None:
    told.update(allowance.headers)
    allowance.require()
