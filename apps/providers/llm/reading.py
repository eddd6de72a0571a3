"""What came back, as JSON that can be looked into and sent on, and what its errors mean."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from apps.core.wire import Response
from apps.providers import chat_errors, untrusted
from apps.providers.base import Access, ProviderError, ProviderRefused, ProviderUnavailable

Why = ProviderRefused.Why

# What is nested deeper than this cannot be written again.
_DEEPEST = 250
# Names of an account's own things, which messages repeat, in part or masked: keys, organisations, projects.
_OWN_NAMES = re.compile(r"\b(?:sk|org|proj|AIza|projects)[-_/][\w*-]{4,}|\bAIza[\w-]{8,}")
# What an error inside a success calls itself, where it gives no number.
_INVALID = re.compile(r"invalid_(request|argument|value|prompt)|bad_?request", re.IGNORECASE)


def parsed(data: bytes) -> dict[str, Any]:
    """The object that the bytes are. Raises ProviderUnavailable for anything else, and for what could not be written
    again: the rest of the platform relies on that."""
    try:
        found = orjson.loads(data)
    except ValueError:
        found = _sloppy(data)
    if type(found) is not dict:
        raise unreadable()
    if len(data) > 2 * _DEEPEST and data.count(b"{") + data.count(b"[") > _DEEPEST:
        _check_depth(found)
    return found


def written(value: Any) -> bytes:
    """JSON to send. Raises ProviderRefused for what JSON has no words for, whoever let it pass."""
    try:
        return orjson.dumps(value)
    except TypeError:
        raise refused("The request is nested too deeply or holds a number too large.") from None


def whole(response: Response, access: Access) -> dict[str, Any]:
    """The object of a successful answer. Raises ProviderError, also for an error that calls itself a success."""
    fields = parsed(response.body)
    if fields.get("error"):
        raise told(fields, access)
    return fields


def told(fields: Mapping[str, Any], access: Access) -> ProviderError:
    """The error that stands in a success or in a stream, which both have no status of their own."""
    secrets = (access.credential,)
    answer = chat_errors.told(fields, status=_status(fields.get("error")), secrets=secrets)
    return _meant(answer)


def failure(response: Response, access: Access) -> ProviderError:
    """What an answer other than 2xx means."""
    return _meant(chat_errors.read(response, secrets=(access.credential,)))


def unreadable() -> ProviderUnavailable:
    return ProviderUnavailable("The provider's answer cannot be read.", is_unknown=True)


def cut() -> ProviderUnavailable:
    return ProviderUnavailable("The provider's stream ended before its time.", is_unknown=True)


def refused(message: str) -> ProviderRefused:
    """A request for which a provider has no words."""
    return ProviderRefused(message, why=Why.INVALID)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, none where it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """The object, an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """The text, an empty one where it is none."""
    return value if isinstance(value, str) else ""


def _meant(answer: chat_errors.Answer) -> ProviderError:
    words = _OWN_NAMES.sub("[removed]", answer.words)
    return chat_errors.failure(replace(answer, words=words), is_quoting=True)


def _status(error: Any) -> int:
    if not isinstance(error, dict):
        return 500
    for name in ("code", "status"):
        number = untrusted.whole(error.get(name), most=599)
        if number is not None and number >= 400:
            return number
    said = (error.get(name) for name in ("type", "code", "status"))
    return 400 if any(isinstance(one, str) and _INVALID.search(one) for one in said) else 500


def _sloppy(data: bytes) -> Any:
    try:
        return untrusted.kept(untrusted.parsed(data))
    except ValueError:
        raise unreadable() from None


def _check_depth(found: dict[str, Any]) -> None:
    try:
        orjson.dumps(found)
    except TypeError:
        raise unreadable() from None
