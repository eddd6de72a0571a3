"""The files of a result: fetched through the guard, looked at, and put where we serve them from."""

import asyncio
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from apps.core import media
from apps.core.egress import EgressError, Refused, Session
from apps.providers.base import Done
from apps.tasks.services.remote.outcomes import Copy

_FETCH_SECONDS = 120
_MOST_FILES = 40
_TRIES = 3


class CannotCopy(Exception):
    """The provider's file cannot be had; the message says why, without its address."""


def addresses_in(output: Any) -> Iterator[str]:
    """Every http(s) address in a result."""
    if isinstance(output, dict):
        for value in output.values():
            yield from addresses_in(value)
    elif isinstance(output, list):
        for value in output:
            yield from addresses_in(value)
    elif isinstance(output, str) and output.startswith(("http://", "https://")):
        yield output


def with_ours(output: Any, ours: dict[str, str]) -> Any:
    """The result with each address replaced by ours."""
    if isinstance(output, dict):
        return {name: with_ours(value, ours) for name, value in output.items()}
    if isinstance(output, list):
        return [with_ours(value, ours) for value in output]
    return ours.get(output, output) if isinstance(output, str) else output


async def fetch_all(done: Done, session: Session) -> dict[str, Copy]:
    """Every file of the result. Raises CannotCopy when one of them cannot be had."""
    copies = {name: _looked_at(data) for name, data in done.files.items()}
    addresses = list(dict.fromkeys(addresses_in(done.output)))
    if len(addresses) > _MOST_FILES:
        raise CannotCopy(f"The result names more than {_MOST_FILES} files.")
    fetched = await asyncio.gather(*(_fetched(address, session) for address in addresses))
    return copies | dict(zip(addresses, fetched, strict=True))


async def _fetched(address: str, session: Session) -> Copy:
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


def _looked_at(data: bytes) -> Copy:
    found = media.sniff(data)
    if found is None:
        raise CannotCopy("A file of the result is in no format we know.")
    return Copy(data, found.content_type, found.extension)
