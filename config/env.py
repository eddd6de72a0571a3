"""Typed access to the process environment.

Each reader names the variable when it is missing or malformed, so a bad deploy
stops at start-up with one clear line instead of failing later in a request. A
variable that is set but empty counts as not set: that is what an uncommented
`NAME=` line of a copied `.env.example` means.
"""

import ipaddress
import os
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

_POSTGRESQL_SCHEMES = {"postgresql", "postgres"}


def text(name: str, default: str | None = None) -> str:
    """The variable's value. Raises `ImproperlyConfigured` when unset without a default."""
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """`true` or `false` in any letter case; anything else is refused, not guessed at."""
    value = text(name, str(default)).lower()
    if value not in {"true", "false"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value == "true"


def number(name: str, default: int) -> int:
    """A whole number, in the unit that the variable's name ends with."""
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def country_code(name: str, value: str) -> str:
    """Two letters, as they are kept and printed; nothing stays nothing."""
    if value and not (len(value) == 2 and value.isascii() and value.isalpha()):
        raise ImproperlyConfigured(f"{name} must be two letters such as DE, not {value!r}.")
    return value.upper()


def networks(name: str, default: str | None = None) -> list[str]:
    """A comma-separated list of addresses and ranges; a malformed one stops the process."""
    found = names(name, default)
    for item in found:
        try:
            ipaddress.ip_network(item, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must hold addresses or ranges such as 10.0.5.0/24, not {item!r}."
            ) from None
    return found


def names(name: str, default: str | None = None) -> list[str]:
    """A comma-separated list; empty items and surrounding blanks are dropped."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def database_url(name: str, default: str | None = None) -> dict[str, Any]:
    """A `postgresql://` URL as the value of one entry of Django's DATABASES.

    Understands both `//user:password@host:5432/name` and libpq's form for a unix
    socket, `//user:password@/name?host=/socket/directory`. Other query parameters
    (`sslmode`, `sslrootcert`, `application_name` …) become connection options.
    """
    parts = urlsplit(text(name, default))
    if parts.scheme not in _POSTGRESQL_SCHEMES or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{name} must look like postgresql://user:password@host:5432/name."
        )
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    port = options.pop("port", None) or _port(parts, name)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
    }


def broker_url(redis_url: str) -> str:
    """The same Redis in the dialect of Celery, which spells a unix socket differently.

    `redis://` and `rediss://` mean the same to both; redis-py's
    `unix://:password@/path?db=1` is `redis+socket://:password@/path?virtual_host=1` to kombu.
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = dict(parse_qsl(parts.query))
    password = unquote(parts.password or "") or query.get("password", "")
    credentials = f":{quote(password, safe='')}@" if password else ""
    virtual_host = urlencode({"virtual_host": query.get("db", "0")})
    return f"redis+socket://{credentials}{parts.path}?{virtual_host}"


def _port(parts: SplitResult, name: str) -> str:
    try:
        return str(parts.port or "")
    except ValueError:
        raise ImproperlyConfigured(f"{name} has a port that is not a number.") from None
