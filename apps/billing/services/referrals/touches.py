"""What a visitor's cookies say: through whose links they came, and which browser it is.

The first link counts. Whether a code exists is looked up only at sign-up, so visiting one tells nobody; a mistyped
first link must not cost the right one that follows, so a few are kept, in order. The text is signed: nobody moves a
date.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing

LINK_COOKIE = "referral"
DEVICE_COOKIE = "device"
_DAY_SECONDS = 86_400
# What browsers keep a cookie for at most.
DEVICE_DAYS = 400
CODE_LENGTH = 8
_CODE = re.compile(r"[0-9a-z]{8}")
_DEVICE = re.compile(r"[\w-]{22}", re.ASCII)
_KEPT = 3
_SALT = "modelyard.referral"


@dataclass(frozen=True)
class Touch:
    """A visit through a link."""

    code: str
    at: datetime


def for_link() -> dict[str, Any]:
    """How the cookie of visits is set."""
    return _cookie(settings.REFERRAL_COOKIE_DAYS)


def for_device() -> dict[str, Any]:
    """How the cookie that names the browser is set."""
    return _cookie(DEVICE_DAYS)


def _cookie(days: int) -> dict[str, Any]:
    return {
        "max_age": days * _DAY_SECONDS,
        "httponly": True,
        "samesite": "Lax",
        "secure": settings.SESSION_COOKIE_SECURE,
    }


def code_of(text: str) -> str | None:
    """The code of a link as somebody typed it, or None when it cannot be one."""
    code = text.strip().lower()
    return code if _CODE.fullmatch(code) else None


def read(cookie: str | None) -> list[Touch]:
    """The visits, first one first, that are not too old; none when the text is not ours."""
    try:
        pairs = signing.loads(cookie or "", salt=_SALT)
    except signing.BadSignature:
        return []
    touches = [Touch(code, datetime.fromtimestamp(at, UTC)) for code, at in pairs]
    oldest = datetime.now(UTC) - timedelta(days=settings.REFERRAL_COOKIE_DAYS)
    return [touch for touch in touches if touch.at >= oldest]


def noted(cookie: str | None, *, code: str) -> str | None:
    """The cookie with this visit added, or None when it stays as it is: a visit is never written over."""
    touches = read(cookie)
    if len(touches) >= _KEPT or code in {touch.code for touch in touches}:
        return None
    return _written([*touches, Touch(code, datetime.now(UTC))])


def _written(touches: Sequence[Touch]) -> str:
    pairs = [(touch.code, int(touch.at.timestamp())) for touch in touches]
    return signing.dumps(pairs, salt=_SALT)


def device_of(cookie: str | None) -> str | None:
    """The browser's name, or None when it has none yet."""
    return cookie if cookie and _DEVICE.fullmatch(cookie) else None


def new_device() -> str:
    return secrets.token_urlsafe(16)
