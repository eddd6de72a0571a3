"""How a code is written: a prefix and 130 random bits in Crockford's base 32, which has no I, L, O and U.

People read codes from paper and over the phone, so letter case, spaces and dashes do not matter, an O counts as 0 and
an I or L as 1, in the prefix too. Source of the alphabet and of these rules: https://www.crockford.com/base32.html
"""

import hashlib
import re
import secrets

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM = 26  # × 5 bits
_GROUPS = re.compile(r"(.{6})(.{5})(.{5})(.{5})(.{5})")
_MOST_TYPED = 200
_SAME = str.maketrans("OIL", "011")
_PREFIX = re.compile(r"[A-Z0-9]{2,8}")
_SHOWN_RANDOM = 6


def is_prefix(text: str) -> bool:
    """2 to 8 capital letters or digits."""
    return _PREFIX.fullmatch(text) is not None


def new_code(*, prefix: str) -> str:
    """Such as LAUNCH-7K3QXM-0Z9RT-4D2WE-HHV1P-8S5NA."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return "-".join([prefix, *_GROUPS.fullmatch(random).groups()])  # type: ignore[union-attr]


def digest(text: str) -> bytes:
    """What is stored of a code, and of what somebody typed, so that both can be compared."""
    kept = re.sub(r"[^0-9A-Z]", "", text[:_MOST_TYPED].upper()).translate(_SAME)
    return hashlib.sha256(b"modelyard redeem code:" + kept.encode()).digest()


def shown_prefix(code: str) -> str:
    """The part lists show and people search by; 100 random bits stay hidden."""
    prefix, random, *_ = code.split("-")
    return f"{prefix}-{random[:_SHOWN_RANDOM]}"
