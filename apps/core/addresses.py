"""Where a request came from, as far as we can believe it."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

# IPv4 inside IPv6, all digits written.
_LONGEST = 45


def client_ip(meta: Mapping[str, Any]) -> str:
    """The caller's IP address from a WSGI environment, or "" when there is none to believe.

    Each of our own TRUSTED_PROXIES appends the address it was called from to `X-Forwarded-For`, so
    the entry that many places from the right is the caller; what stands left of it is the caller's
    own invention. Without trusted proxies the header is not read at all.
    """
    peer = str(meta.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES:
        entries = [entry.strip() for entry in str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
        peer = entries[-settings.TRUSTED_PROXIES :][0] or peer
    address = peer.partition("%")[0]
    return _plain(address) if len(address) <= _LONGEST else ""


@lru_cache(maxsize=4096)
def _plain(address: str) -> str:
    """The address as allow-lists and the database write it: no zone, and IPv4 as IPv4."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def neighbourhood(ip: str) -> str:
    """The network a limit should count as one caller: an IPv6 caller's own /64, an IPv4 address's /24; "" for none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    length = 24 if address.version == 4 else 64
    return str(ipaddress.ip_network((ip, length), strict=False))
