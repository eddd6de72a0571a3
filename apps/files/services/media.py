"""From what a customer gave as media to bytes, and from inline bytes to a file with a URL."""

import re
from datetime import datetime

from django.conf import settings
from django.core.files.storage import default_storage

from apps.core import egress, media
from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.files import selectors
from apps.files.models import StoredFile
from apps.files.services import store


class MediaUnavailable(Exception):
    """The media cannot be had; the message says why, in words for the customer."""


def keep_inline(*, workspace_id: int, value: str, expires_at: datetime) -> StoredFile:
    """Base64 or a data URI as a file of the workspace. The value was checked before (`media.checked`)."""
    data = media.inline_bytes(value)
    found = media.sniff(data)
    if found is None:
        raise media.MediaError(sentence("The data is not in a format we know."))
    if found.kind == "image":
        media.check_pixels(data)
    return store.keep(
        workspace_id=workspace_id,
        kind=StoredFile.Kind.INPUT,
        content=store.Content(data, found.content_type, found.extension),
        expires_at=expires_at,
    )


_KEY = re.compile(r"[a-z]+/[0-9a-f-]{36}\.[a-z0-9]{1,8}")


def own_key(url: str) -> str | None:
    """The storage key when the URL is one of our own files', else None."""
    key = url.removeprefix(f"{settings.FILES_BASE_URL}/")
    return key if key != url and _KEY.fullmatch(key) else None


def fetch(*, url: str) -> bytes:
    """The bytes behind a URL: our own files straight from storage, all else through the egress guard."""
    if url.startswith(f"{settings.FILES_BASE_URL}/"):
        return _own_file(url.removeprefix(f"{settings.FILES_BASE_URL}/"))
    try:
        return egress.fetch(url, max_bytes=settings.MEDIA_MAX_BYTES).data
    except egress.EgressError as error:
        raise MediaUnavailable(str(error)) from error


def _own_file(key: str) -> bytes:
    try:
        file = selectors.servable(key=key)
        with default_storage.open(file.key) as stored:
            data: bytes = stored.read()
    except (NotFound, FileNotFoundError):
        raise MediaUnavailable(
            sentence("The file behind the URL does not exist any more.")
        ) from None
    return data
