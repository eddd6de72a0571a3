"""Secrets that we must be able to read back (a webhook secret, a provider credential) are sealed at rest.

AES-256-GCM; the row a value belongs to is bound in as associated data, so a value copied to another row does not open.
The first key of `SEALING_KEYS` seals, every key of it opens, which is how a key is changed.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The value was sealed with a key we no longer have, belongs to another row, or was altered."""


def seal(plain: str, *, bound_to: str) -> str:
    """`<key id>.<base64 nonce and ciphertext>`. `bound_to` names the row, e.g. "task:0f64…"."""
    key = _keys()[0]
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, plain.encode(), bound_to.encode())
    return f"{_key_id(key)}.{base64.b64encode(sealed).decode()}"


def unseal(sealed: str, *, bound_to: str) -> str:
    """The plain text. Raises CannotOpen."""
    key_id, _, body = sealed.partition(".")
    key = next((key for key in _keys() if _key_id(key) == key_id), None)
    if key is None:
        raise CannotOpen("The key that sealed this value is not in SEALING_KEYS.")
    try:
        raw = base64.b64decode(body, validate=True)
        plain = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError):
        raise CannotOpen("The value was altered or belongs to another row.") from None
    return plain.decode()


def is_current(sealed: str) -> bool:
    """Whether the first key sealed it, so that it opens when all others are gone."""
    return sealed.startswith(current_prefix())


def current_prefix() -> str:
    """What every value starts with that the first key sealed."""
    return f"{_key_id(_keys()[0])}."


def _keys() -> list[bytes]:
    return [
        hashlib.sha256(b"modelyard sealing:" + text.encode()).digest()
        for text in settings.SEALING_KEYS
    ]


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"id:" + key).hexdigest()[:8]
