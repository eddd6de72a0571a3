"""One HTTP exchange as plain data, for code that decides what to send without sending it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import orjson

from apps.core.values import frozen


@frozen
class Request:
    """What to send. `timeout_seconds` is for the whole exchange, `max_bytes` for the decoded answer.

    Headers may hold a credential, so a request is never logged; redirects are followed only when asked, each hop
    checked like the first and without the headers.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_seconds: float = 30
    max_bytes: int = 4 * 1024 * 1024
    redirects: int = 0


@frozen
class Response:
    """What came back, whatever the status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return orjson.loads(self.body)


class NoAnswer(Exception):
    """There is no answer to read: refused, unreachable, cut, too slow or too large.

    `sent` says whether the other side may have received the request and acted on it. The message is safe to show.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent
