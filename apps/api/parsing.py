"""Request bodies: JSON whatever their `Content-Type`, and only JSON that everything behind us can hold.

PostgreSQL cannot store NUL in text, a lone surrogate is no text at all, and a number beyond 64 bit comes back from the
database as something our own encoder refuses. All of that is turned away here, once, with a contract error.
"""

from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework.parsers import BaseParser

from apps.core.errors import InvalidRequest, TooLarge

MAX_DEPTH = 64
MAX_NODES = 50_000
# A cheap look before the parser builds anything: real bodies come nowhere near, even with long texts in them.
_MAX_COMMAS = 500_000
_LIMIT = 2**63


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object; no body is an empty one. Raises InvalidRequest or TooLarge."""
    raw = raw_body(request, limit=settings.API_MAX_BODY_BYTES)
    if not raw.strip():
        return {}
    if raw.count(b",") > _MAX_COMMAS:
        raise InvalidRequest(f"The body has more than {MAX_NODES} values.")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    check_values(body, may_hold_nul=b"\\u0000" in raw)
    return body


def check_values(body: dict[str, Any], *, may_hold_nul: bool = True) -> None:
    """Refuses what is nested too deep, has too many parts, or holds numbers or characters we cannot keep."""
    level: list[Any] = [body]
    seen = 0
    for _ in range(MAX_DEPTH):
        seen += len(level)
        if seen > MAX_NODES:
            raise InvalidRequest(f"The body has more than {MAX_NODES} values.")
        level = [part for value in level for part in _parts(value, may_hold_nul)]
        if not level:
            return
    raise InvalidRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _parts(value: Any, may_hold_nul: bool) -> Any:
    """What a value consists of; its own limits are checked on the way."""
    kind = type(value)
    if kind is str:
        if may_hold_nul and "\0" in value:
            raise InvalidRequest("The body holds the character U+0000, which cannot be stored.")
    elif kind is dict:
        # Keys are strings with the same limits.
        return [*value, *value.values()] if may_hold_nul else value.values()
    elif kind is list:
        return value
    elif (kind is int and not -_LIMIT <= value < _LIMIT) or (
        kind is float and abs(value) >= _LIMIT
    ):
        # orjson reads an integer beyond 64 bits as a float; as such it is refused here.
        raise InvalidRequest("The body holds a number that does not fit into 64 bits.")
    return ()


def raw_body(request: HttpRequest, *, limit: int) -> bytes:
    """The body's bytes. Raises TooLarge beyond `limit`, InvalidRequest for a body that breaks off."""
    too_large = TooLarge(f"The body is larger than {limit // 1024 // 1024} MB.")
    if (
        request.META.get("CONTENT_LENGTH", "").isdecimal()
        and int(request.META["CONTENT_LENGTH"]) > limit
    ):
        raise too_large
    try:
        if request.META.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" not in request.META:
            raw = request.body
        else:
            # Django reads nothing without a length. The server has taken the chunks apart already.
            raw = _read(request.META["wsgi.input"], limit + 1)
    except RequestDataTooBig:
        raise too_large from None
    except (UnreadablePostError, RawPostDataException, ValueError):
        # ValueError: a Content-Length that is no number.
        raise InvalidRequest("The body could not be read to its end.") from None
    if len(raw) > limit:
        raise too_large
    return raw


def _read(stream: IO[bytes], limit: int) -> bytes:
    """At most `limit` bytes, however the stream hands them out."""
    parts: list[bytes] = []
    left = limit
    while left > 0 and (part := stream.read(min(left, 65_536))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class AnyBodyIsJson(BaseParser):
    """For `request.data`; our own views call `json_object` themselves."""

    media_type = "*/*"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        request: HttpRequest = parser_context["request"]._request
        return json_object(request)
