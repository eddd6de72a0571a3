"""GET /files/…: outputs, inputs and uploads, to whoever knows their unguessable address.

Nothing here is ever rendered as a page of ours: types come from our own table, browsers may not guess another, and a
file opened in a tab is sandboxed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from django.core.files.storage import default_storage
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from apps.core import envelopes
from apps.core.errors import NotFound
from apps.files import selectors
from apps.files.models import StoredFile

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,119}")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_CHUNK = 65_536
_SHOWN_IN_PLACE = ("image/", "audio/", "video/")
_MAX_AGE_SECONDS = 86_400
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True)
class Span:
    """The bytes to send: from `start` on, `length` of them."""

    start: int
    length: int


class NotSatisfiable(Exception):
    """The range lies outside of the file."""


@csrf_exempt
def serve(request: HttpRequest, key: str) -> HttpResponseBase:
    """The file, a part of it, 304, or 404 for what never was or is not kept any more."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        file = _file(key)
        response = _response(request, file)
    except (NotFound, FileNotFoundError):
        return HttpResponse(envelopes.ROUTE_NOT_FOUND, status=404, content_type="text/plain")
    for name, value in _HEADERS.items():
        response[name] = value
    return response


def _file(key: str) -> StoredFile:
    if not _KEY.fullmatch(key):
        raise NotFound("There is no such file.")
    return selectors.servable(key=key)


def _response(request: HttpRequest, file: StoredFile) -> HttpResponseBase:
    if not _is_local(file):
        # The bucket serves ranges and conditions itself; the link it gets dies within minutes.
        return _with_caching(HttpResponseRedirect(_bucket_url(file)), max_age=300)
    if etag(file) in _tags(request.META.get("HTTP_IF_NONE_MATCH", "")):
        return _with_caching(HttpResponse(status=304), max_age=_seconds_left(file), file=file)
    try:
        span = _asked_span(request, file)
    except NotSatisfiable:
        response = HttpResponse(status=416, content_type="text/plain")
        response["Content-Range"] = f"bytes */{file.size}"
        return response
    return _with_caching(_body(request, file, span), max_age=_seconds_left(file), file=file)


def etag(file: StoredFile) -> str:
    """A file's bytes never change, so its id names them."""
    return f'"{file.id.hex}"'


def _body(request: HttpRequest, file: StoredFile, span: Span | None) -> HttpResponseBase:
    part = span or Span(0, file.size)
    stream = default_storage.open(file.key)
    status = 206 if span else 200
    response: HttpResponseBase
    if request.method == "HEAD":
        stream.close()
        response = HttpResponse(status=status, content_type=file.content_type)
    else:
        response = StreamingHttpResponse(
            _chunks(stream, part), status=status, content_type=file.content_type
        )
    response["Content-Length"] = str(part.length)
    response["Content-Disposition"] = _disposition(file)
    if span:
        response["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{file.size}"
    return response


def _chunks(stream: IO[bytes], part: Span) -> Iterator[bytes]:
    with stream:
        stream.seek(part.start)
        left = part.length
        while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _asked_span(request: HttpRequest, file: StoredFile) -> Span | None:
    """The one range that was asked for, or None for the whole file: also for several, for nonsense and for an
    `If-Range` that names other bytes, as RFC 9110 wants it."""
    match = _RANGE.fullmatch(request.META.get("HTTP_RANGE", "").strip())
    condition = request.META.get("HTTP_IF_RANGE", "")
    if match is None or request.method != "GET":
        return None
    if condition and condition not in (etag(file), _modified(file)):
        return None
    first, last = match.groups()
    return _span(first, last, file.size)


def _span(first: str, last: str, size: int) -> Span | None:
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
        if last and int(last) < start:
            return None
    if start > end:
        raise NotSatisfiable
    return Span(start, end - start + 1)


def _with_caching(
    response: HttpResponseBase, *, max_age: int, file: StoredFile | None = None
) -> HttpResponseBase:
    response["Cache-Control"] = f"private, max-age={max_age}"
    if file is not None:
        response["ETag"] = etag(file)
        response["Last-Modified"] = _modified(file)
    return response


def _seconds_left(file: StoredFile) -> int:
    left = (file.expires_at - datetime.now(UTC)).total_seconds()
    return max(0, min(_MAX_AGE_SECONDS, int(left)))


def _modified(file: StoredFile) -> str:
    return http_date(int(file.created_at.timestamp()))


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _disposition(file: StoredFile) -> str:
    name = file.key.rpartition("/")[2]
    # SVG is a picture that can hold scripts.
    shown = file.content_type.startswith(_SHOWN_IN_PLACE) and "svg" not in file.content_type
    kind = "inline" if shown else "attachment"
    return f'{kind}; filename="{name}"'


def _is_local(file: StoredFile) -> bool:
    """Whether the storage is a folder of this machine."""
    try:
        default_storage.path(file.key)
    except NotImplementedError:
        return False
    return True


def _bucket_url(file: StoredFile) -> str:
    """A signed address in the bucket that answers with our type and disposition, not with what was uploaded."""
    url: str = default_storage.url(  # type: ignore[call-arg]
        file.key,
        parameters={
            "ResponseContentType": file.content_type,
            "ResponseContentDisposition": _disposition(file),
        },
    )
    return url
