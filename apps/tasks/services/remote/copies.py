"""The files of a result: fetched through the guard, looked at, and put where we serve them from."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from apps.core import media
from apps.core.egress import EgressError, Refused, Session
from apps.core.sentences import sentence
from apps.providers.base import Done
from apps.tasks.services.results import Copy

_FETCH_SECONDS = 120
_MOST_FILES = 40
_TRIES = 3
_INLINE = re.compile(r"data:[\w.+-]{1,50}/[\w.+-]{1,100};base64,", re.IGNORECASE)


class CannotCopy(Exception):
    """The provider's file cannot be had; the message says why, without its address."""


def files_in(output: Any) -> Iterator[str]:
    """Every http(s) address in a result, and every file that stands in it as a data URI."""
    if isinstance(output, dict):
        for value in output.values():
            yield from files_in(value)
    elif isinstance(output, list):
        for value in output:
            yield from files_in(value)
    elif isinstance(output, str) and (media.is_url(output) or _INLINE.match(output)):
        yield output


async def fetch_all(done: Done, session: Session) -> dict[str, Copy]:
    """Every file of the result. Raises CannotCopy when one of them cannot be had."""
    copies = {name: _looked_at(data) for name, data in done.files.items()}
    found = list(dict.fromkeys(files_in(done.output)))
    if len(found) > _MOST_FILES:
        raise CannotCopy(sentence("The result names more than {most} files.", most=_MOST_FILES))
    fetched = await asyncio.gather(*(_fetched(one, session) for one in found))
    return copies | dict(zip(found, fetched, strict=True))


async def fetch_one(address: str, session: Session) -> Copy:
    """One picture on the way. Raises CannotCopy."""
    return await _fetched(address, session)


async def _fetched(address: str, session: Session) -> Copy:
    if not media.is_url(address):
        return _decoded(address)
    for left in reversed(range(_TRIES)):
        try:
            found = await session.download(
                address, max_bytes=settings.MEDIA_MAX_BYTES, seconds=_FETCH_SECONDS
            )
        except Refused as error:
            raise CannotCopy(str(error)) from None
        except EgressError as error:
            # Storage behind a provider is often a moment later than its answer.
            if not left:
                raise CannotCopy(str(error)) from None
            await asyncio.sleep(_TRIES - left)
        else:
            return _looked_at(found.data)
    raise AssertionError


def _decoded(data_uri: str) -> Copy:
    try:
        return _looked_at(media.inline_bytes(data_uri))
    except media.MediaError:
        raise CannotCopy(sentence("A file in the result cannot be read.")) from None


def _looked_at(data: bytes) -> Copy:
    found = media.sniff(data)
    if found is None:
        raise CannotCopy(sentence("A file of the result is in no format we know."))
    return Copy(data, found.content_type, found.extension)
