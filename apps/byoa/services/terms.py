"""What an account may do and where it is, and whether that makes sense."""

import string
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import Any
from urllib.parse import urlsplit

import orjson

from apps.byoa.models import Account, Mode, Weight
from apps.catalog import registry as catalog
from apps.catalog.llm.registry import llm_models
from apps.core import media
from apps.core.errors import InvalidRequest
from apps.core.sentences import Sentence, sentence
from apps.providers import registry

_LONGEST_CREDENTIAL = 8_000
_LARGEST_CONFIG = 16_384
_LONGEST_URL = 2048
_MOST_SLOTS = 10_000
_MOST = 1_000_000_000
_MOST_TAGS = 20
_LONGEST_TAG = 30
# The family whose accounts know slow and fast work.
MIDJOURNEY = "midjourney"
# It goes into a header, where a line break would start another one.
_CREDENTIAL_CHARACTERS = frozenset(string.printable) - frozenset("\r\n\t\x0b\x0c")


_TOO_LONG = sentence("It is too long.")
_NO_OBJECT = sentence("It must be a JSON object.")


@dataclass(frozen=True)
class Terms:
    """An account's settings; the names are those of `Account`. Empty `families`: all that its provider serves.

    Whether an account `is_backup` is said when it is connected, and never changes after that.
    """

    label: str
    base_url: str
    config: Mapping[str, Any] = field(default_factory=dict)
    families: tuple[str, ...] = ()
    weight: str = Weight.MID
    slots: int = 10
    requests_per_minute: int | None = None
    daily_cap: int | None = None
    active_from: time | None = None
    active_to: time | None = None
    time_zone: str = "UTC"
    mode: str = Mode.ANY
    is_backup: bool = False
    tags: tuple[str, ...] = ()


NAMES = tuple(Terms.__dataclass_fields__)
# The operator's pool has no backups.
OPERATORS = tuple(name for name in NAMES if name != "is_backup")


def terms_of(account: Account) -> Terms:
    """What the account has now."""
    values = {name: getattr(account, name) for name in NAMES}
    lists = {"families": tuple(account.families), "tags": tuple(account.tags)}
    return Terms(**{**values, **lists})


def values_of(terms: Terms) -> dict[str, Any]:
    """For the account's fields."""
    values = {name: getattr(terms, name) for name in NAMES}
    plain = {"config": dict(terms.config), "families": list(terms.families)}
    return {**values, **plain, "tags": list(terms.tags)}


def check_provider(provider: str) -> None:
    """Raises InvalidRequest when there is no adapter of this name."""
    if provider not in registry.names():
        known = ", ".join(registry.names())
        raise InvalidRequest.field(
            "provider", sentence("It must be one of these: {known}.", known=known)
        )


def with_address(terms: Terms, *, provider: str) -> Terms:
    """The terms with its provider's own address, where it has one and none is given."""
    own = registry.adapter(provider).base_url_default
    return terms if terms.base_url else replace(terms, base_url=own)


def checked_credential(credential: str) -> str:
    """The credential without surrounding space. Raises InvalidRequest, which never repeats a part of it."""
    credential = credential.strip()
    if len(credential) > _LONGEST_CREDENTIAL:
        raise InvalidRequest.field("credential", _TOO_LONG)
    if not _CREDENTIAL_CHARACTERS.issuperset(credential):
        words = sentence("It may hold printable ASCII characters only.")
        raise InvalidRequest.field("credential", words)
    return credential


def origin(base_url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: the server that a credential is entered for."""
    parts = urlsplit(base_url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(scheme)


_PORTS = {"http": 80, "https": 443}


def check(terms: Terms) -> None:
    """Raises InvalidRequest naming the first setting that makes no sense."""
    is_label = terms.label.isprintable() and 0 < len(terms.label.strip()) <= 100
    _require("label", is_label, sentence("It needs 1 to 100 printable characters."))
    _check_base_url(terms.base_url)
    _check_config(terms.config)
    _check_families(terms.families)
    _require("weight", terms.weight in Weight.values, sentence("It is low, mid or high."))
    _check_numbers(terms)
    _check_period(terms)
    _check_mode(terms)
    _check_tags(terms.tags)


def _require(name: str, is_right: bool, message: str) -> None:
    if not is_right:
        raise InvalidRequest.field(name, message)


def _check_base_url(base_url: str) -> None:
    try:
        parts = urlsplit(media.checked_url(base_url))
    except media.MediaError as error:
        raise InvalidRequest.field("base_url", error.args[0]) from None
    _require("base_url", len(base_url) <= _LONGEST_URL, _TOO_LONG)
    is_plain = not (parts.query or parts.fragment or {"?", "#", "\\"} & set(base_url))
    _require("base_url", is_plain, sentence("It must be the address alone, without a query."))


def _check_config(config: Mapping[str, Any]) -> None:
    _require("config", isinstance(config, Mapping), _NO_OBJECT)
    try:
        text = orjson.dumps(dict(config))
    except (TypeError, ValueError):
        raise InvalidRequest.field("config", _NO_OBJECT) from None
    _require("config", len(text) <= _LARGEST_CONFIG, sentence("It is too large."))
    _require("config", b"\\u0000" not in text, sentence("It must not hold NUL characters."))
    for name, (is_right, words) in _OPTIONS.items():
        if (value := config.get(name)) is not None:
            _require("config", is_right(value), words)


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_interval(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0.05 <= float(str(value)) <= 3600


# What we read of an account's options ourselves; the rest is its adapter's.
_OPTIONS: dict[str, tuple[Callable[[object], bool], str]] = {
    "block_until": (_is_instant, sentence("block_until must be a date and time in ISO 8601.")),
    "callbacks": (_is_flag, sentence("callbacks must be true or false.")),
    "poll_seconds": (
        _is_interval,
        sentence("poll_seconds must be a number of seconds from 0.05 to 3600."),
    ),
    "media": (
        lambda value: value in ("inline", "url"),
        sentence('media must be "inline" or "url".'),
    ),
}


def _check_families(families: tuple[str, ...]) -> None:
    known = catalog.families() | {model.family for model in llm_models().values()}
    unknown = sorted(set(families) - known)
    words = sentence("The catalog has no {families}.", families=", ".join(unknown))
    _require("families", not unknown, words)
    _require("families", len(families) <= 100, sentence("At most {count}.", count=100))


def _up_to(most: int) -> Sentence:
    return sentence("It must be from 1 to {most}.", most=f"{most:,}")


def _check_numbers(terms: Terms) -> None:
    _require("slots", 1 <= terms.slots <= _MOST_SLOTS, _up_to(_MOST_SLOTS))
    for name in ("requests_per_minute", "daily_cap"):
        value = getattr(terms, name)
        # Zero would be a pause that nobody sees.
        _require(name, value is None or 1 <= value <= _MOST, _up_to(_MOST))


def _check_period(terms: Terms) -> None:
    both = (terms.active_from is None) == (terms.active_to is None)
    _require("active_to", both, sentence("A period has a beginning and an end."))
    is_some = terms.active_from is None or terms.active_from != terms.active_to
    words = sentence("The period is empty. For the whole day, give none.")
    _require("active_to", is_some, words)
    try:
        zoneinfo.ZoneInfo(terms.time_zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise InvalidRequest.field(
            "time_zone", sentence("It must be a name such as Europe/Berlin.")
        ) from None


def _check_mode(terms: Terms) -> None:
    _require("mode", terms.mode in Mode.values, sentence("It is relax or fast, or empty."))
    knows_speeds = not terms.families or MIDJOURNEY in terms.families
    words = sentence("Only Midjourney accounts have a mode.")
    _require("mode", not terms.mode or knows_speeds, words)


def _check_tags(tags: tuple[str, ...]) -> None:
    _require("tags", len(tags) <= _MOST_TAGS, sentence("At most {count}.", count=_MOST_TAGS))
    are_right = all(
        tag.isprintable() and tag == tag.strip() and 0 < len(tag) <= _LONGEST_TAG for tag in tags
    )
    words = sentence("Each has 1 to {count} printable characters.", count=_LONGEST_TAG)
    _require("tags", are_right, words)
