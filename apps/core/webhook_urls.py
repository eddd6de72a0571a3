"""Addresses that customers give us to call."""

import ipaddress
from urllib.parse import urlsplit

from apps.core import egress, media
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

MAX_LENGTH = 2048
_PORTS = {None, 80, 443}


def check(url: str, *, field: str) -> None:
    """An http(s) URL on port 80 or 443 that is not plainly a private address. Raises InvalidRequest about `field`.

    A name that resolves to a private address is refused when we connect.
    """
    try:
        host = _host(url)
    except media.MediaError as error:
        raise InvalidRequest.field(field, error.words) from None
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        is_private = host == "localhost" or host.endswith(".localhost")
    else:
        is_private = not egress.is_allowed(address)
    if is_private:
        raise InvalidRequest.field(field, sentence("The URL leads to a private address."))


def host_of(url: str) -> str:
    """The host alone: the rest of an address may hold a token. "" when it cannot be read."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _host(url: str) -> str:
    if len(url) > MAX_LENGTH:
        raise media.MediaError(
            sentence("The URL is longer than {most} characters.", most=MAX_LENGTH)
        )
    parts = urlsplit(media.checked_url(url))
    if parts.port not in _PORTS and not egress.has_exemptions():
        raise media.MediaError(sentence("The URL must use port 80 or 443."))
    return (parts.hostname or "").rstrip(".").lower()
