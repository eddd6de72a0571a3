"""Where an account's provider is and what opens it, looked at before anything is sent there."""

from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from apps.providers.base import Access, AccountNeedsOwner, BadCredentials, Need


def url(access: Access, path: str, *, default: str = "") -> str:
    """The path below the account's address, or below `default` where it has none. Raises AccountNeedsOwner."""
    return _below(access.base_url or default, path)


@lru_cache(maxsize=4096)
def _below(address: str, path: str) -> str:
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise AccountNeedsOwner("The account's address is no http(s) URL.", need=Need.SETUP)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"


def trimmed(access: Access, end: str) -> Access:
    """With an address that does not end in `end`: many give it with the part that every call begins with."""
    return replace(access, base_url=access.base_url.rstrip("/").removesuffix(end))


def credential(access: Access) -> str:
    """The account's secret, fit for a header. Raises BadCredentials."""
    key = access.credential
    if not (key and key.isascii() and key.isprintable()):
        raise BadCredentials("The account's key is missing or holds characters that no key has.")
    return key
