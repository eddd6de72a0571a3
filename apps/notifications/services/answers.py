"""What is kept of an endpoint's answer: its beginning, and never a secret of ours that it repeats."""

import json

from apps.core.wire import Response
from apps.notifications.services import signing

BODY_BYTES = 4096
_HEADERS, _HEADER_LENGTH = 30, 300
# They are the endpoint's own secrets, and of no use in finding a fault.
_LEFT_OUT = frozenset({"set-cookie", "authorization", "proxy-authorization"})
_HIDDEN = "[secret]"
_SHORTEST_HIDDEN = 6


def kept(response: Response, *, secret: str) -> str:
    """`{"headers": {...}, "body": "..."}` as JSON that PostgreSQL takes. `secret`: what signed the request."""
    hidden = signing.traces_of(secret)
    headers = {
        _clean(name, hidden)[:_HEADER_LENGTH]: _clean(value, hidden)[:_HEADER_LENGTH]
        for name, value in list(response.headers.items())[:_HEADERS]
        if name not in _LEFT_OUT
    }
    # Hidden before it is cut: half a secret at the edge would not be found.
    text = _clean(response.body.decode(errors="replace"), hidden)
    body = text.encode()[:BODY_BYTES].decode(errors="ignore")
    return json.dumps({"headers": headers, "body": body})


def _clean(text: str, hidden: list[str]) -> str:
    for one in hidden:
        if len(one) >= _SHORTEST_HIDDEN:
            text = text.replace(one, _HIDDEN)
    return text.replace("\0", "").encode(errors="replace").decode()
