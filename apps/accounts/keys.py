"""What an API key looks like: `my_live_` + 43 characters (256 random bits) + 6 characters of checksum.

The prefix lets secret scanners find a leaked key; the checksum lets us refuse a mistyped one without
asking the database.
"""

import hashlib
import secrets
import zlib

PREFIX = "my_live_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH = 43
_CHECK_LENGTH = 6
_LENGTH = len(PREFIX) + _SECRET_LENGTH + _CHECK_LENGTH


def new_key() -> str:
    """A fresh key. 43 characters out of 62 hold just over 256 bits."""
    body = PREFIX + _base62(secrets.randbits(256), _SECRET_LENGTH)
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    return (
        len(key) == _LENGTH
        and key.startswith(PREFIX)
        and key.isascii()
        and key[-_CHECK_LENGTH:] == _checksum(key[:-_CHECK_LENGTH])
    )


def digest(key: str) -> bytes:
    """What we store and look up. 256 random bits need no slow hash."""
    return hashlib.sha256(key.encode()).digest()


def shown_prefix(key: str) -> str:
    return key[: len(PREFIX) + 4]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
