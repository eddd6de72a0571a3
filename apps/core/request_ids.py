"""The id that a request has in answers and logs."""

import random
import re

_SANE = re.compile(r"[\w.-]{8,64}", re.ASCII)


def request_id(given: str) -> str:
    """The caller's own `X-Request-Id` when it has a sane form, else a new one.

    It names a request and protects nothing, so the kernel need not be asked for randomness.
    """
    return given if _SANE.fullmatch(given) else f"req_{random.getrandbits(128):032x}"
