"""Whole answers in OpenAI's shapes: what must stand in one, and what it says was used."""

from dataclasses import replace
from typing import Any

from apps.core.wire import Response
from apps.providers.base import Access, ProviderRefused
from apps.providers.llm import reading, usage
from apps.providers.llm.base import Answer, Call, Operation, Usage

# Where each keeps what was asked for; an answer without it is none.
_RESULTS = {
    Operation.CHAT: "choices",
    Operation.COMPLETIONS: "choices",
    Operation.RESPONSES: "output",
    Operation.EMBEDDINGS: "data",
    Operation.IMAGES: "data",
    Operation.IMAGE_EDITS: "data",
    Operation.MODERATION: "results",
}
_HEARD = (Operation.TRANSCRIPTION, Operation.TRANSLATION)
_DRAWN = (Operation.IMAGES, Operation.IMAGE_EDITS)
_TEXTS = frozenset({"text", "srt", "vtt"})
_SOUNDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def answer(call: Call, response: Response, access: Access) -> Answer:
    """Raises ProviderError, also for an error that calls itself a success."""
    if call.operation is Operation.SPEECH:
        return _spoken(call, response, access)
    if call.operation in _HEARD:
        return _heard(call, response, access)
    fields = reading.whole(response, access)
    found = fields.get(_RESULTS[call.operation])
    if not isinstance(found, list) or any(not isinstance(one, dict) for one in found):
        raise reading.unreadable()
    if call.operation in _DRAWN and not any(map(_is_picture, found)):
        raise ProviderRefused("The provider calls it done, but gives no picture.")
    if not found and call.operation is not Operation.RESPONSES:
        raise reading.unreadable()
    if call.operation is Operation.CHAT and not all(map(_is_choice, found)):
        raise reading.unreadable()
    return Answer(fields, used(call, fields))


def used(call: Call, fields: dict[str, Any]) -> Usage | None:
    """What an answer, or the last event of a stream, says was used."""
    found = fields.get("usage")
    match call.operation:
        case Operation.IMAGES | Operation.IMAGE_EDITS:
            # The last event of a stream is its picture.
            drawn = sum(map(_is_picture, reading.objects(fields.get("data", [fields]))))
            return replace(usage.tokens(found) or Usage(), images=drawn)
        case Operation.TRANSCRIPTION | Operation.TRANSLATION:
            return _heard_usage(found, fields.get("duration"))
        case Operation.EMBEDDINGS:
            return usage.tokens(found, has_output=False)
        case Operation.SPEECH:
            return replace(usage.tokens(found) or Usage(), characters=characters(call))
        case Operation.MODERATION:
            return None
    return usage.tokens(found)


def characters(call: Call) -> int:
    """How much is to be spoken: what speech is paid by, said by nobody but the request."""
    return len(reading.text(call.body.get("input")))


def sound_type(call: Call) -> str:
    """The type of the sound that was asked for."""
    return _SOUNDS.get(str(call.body.get("response_format") or "mp3"), "application/octet-stream")


def _is_choice(choice: dict[str, Any]) -> bool:
    return isinstance(choice.get("message"), dict)


def _is_picture(one: dict[str, Any]) -> bool:
    return bool(reading.text(one.get("b64_json")) or reading.text(one.get("url")))


def _heard_usage(found: Any, duration: Any) -> Usage | None:
    said = reading.mapping(found)
    if said.get("type") != "duration" and (counted := usage.tokens(found)):
        return counted
    milliseconds = usage.audio_ms(said.get("seconds", duration))
    return None if milliseconds is None else Usage(audio_ms=milliseconds)


def _heard(call: Call, response: Response, access: Access) -> Answer:
    if str(call.body.get("response_format")) in _TEXTS:
        _check_bytes(response, access)
        return Answer(response.body, None, content_type="text/plain; charset=utf-8")
    fields = reading.whole(response, access)
    if not isinstance(fields.get("text"), str):
        raise reading.unreadable()
    return Answer(fields, used(call, fields))


def _spoken(call: Call, response: Response, access: Access) -> Answer:
    _check_bytes(response, access)
    if not response.body:
        raise reading.unreadable()
    said = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Nothing but sound is passed on under the name that a server gives it.
    content_type = said if said.startswith("audio/") and said.isprintable() else sound_type(call)
    return Answer(response.body, Usage(characters=characters(call)), content_type=content_type)


def _check_bytes(response: Response, access: Access) -> None:
    """Raises what an error says that came as a success: JSON, which neither sound nor such texts are."""
    is_json = "json" in response.headers.get("content-type", "").lower()
    if is_json and response.body.lstrip()[:1] == b"{":
        reading.whole(response, access)
        raise reading.unreadable()
