"""A task's media as the provider gets them: our files or bytes, never the customer's address.

One place then decides what may be fetched and how large it is, and the provider needs nothing that only the customer
can reach.
"""

import asyncio
import base64
from typing import Any

import orjson
from django.conf import settings
from django.core.files.storage import default_storage

from apps.catalog import registry
from apps.catalog.inputs import media_in
from apps.core import media
from apps.core.egress import EgressError, Session
from apps.core.sentences import sentence
from apps.files.services import media as media_files
from apps.files.services.media import MediaUnavailable

_FETCH_SECONDS = 60
# What a server of the contract takes in one request leaves room for this much, in base64.
_MAX_INLINE_BYTES = 20 * 1024 * 1024


async def prepared(
    *, model: str, task_type: str, raw: dict[str, Any], by_url: bool, session: Session
) -> dict[str, Any]:
    """The input with every media value replaced. `by_url`: our own files may be named by their URL.

    Raises MediaUnavailable in words for the customer, and the spec's InvalidRequest.
    """
    found = list(media_in(registry.spec_of(model, task_type).parse(raw)))
    if not found:
        return raw
    made: dict[str, Any] = orjson.loads(orjson.dumps(raw))
    values = await asyncio.gather(*(_value(one.value, by_url, session) for one in found))
    for one, value in zip(found, values, strict=True):
        *steps, last = one.path
        target: Any = made
        for step in steps:
            target = target[step]
        target[last] = value
    return made


async def _value(value: str, by_url: bool, session: Session) -> str:
    if not media.is_url(value):
        return value
    key = media_files.own_key(value)
    if key is not None and by_url:
        return value
    data = await (_own(key) if key is not None else _foreign(value, session))
    kind = media.sniff(data)
    if kind is None:
        raise MediaUnavailable(sentence("The file is not in a format we know."))
    return f"data:{kind.content_type};base64,{base64.b64encode(data).decode()}"


async def _own(key: str) -> bytes:
    return await asyncio.to_thread(_read, key)


def _read(key: str) -> bytes:
    try:
        with default_storage.open(key) as stored:
            data: bytes = stored.read(_MAX_INLINE_BYTES + 1)
    except FileNotFoundError:
        raise MediaUnavailable(
            sentence("The file behind the URL does not exist any more.")
        ) from None
    if len(data) > _MAX_INLINE_BYTES:
        raise MediaUnavailable(sentence("The file is larger than 20 MB."))
    return data


async def _foreign(url: str, session: Session) -> bytes:
    most = min(settings.MEDIA_MAX_BYTES, _MAX_INLINE_BYTES)
    try:
        return (await session.download(url, max_bytes=most, seconds=_FETCH_SECONDS)).data
    except EgressError as error:
        raise MediaUnavailable(str(error)) from None
