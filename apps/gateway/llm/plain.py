"""Answers that are no conversation: embeddings, pictures, speech, transcriptions, moderations; in OpenAI's shapes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from apps.catalog.llm.registry import llm_model
from apps.core.errors import InvalidRequest
from apps.gateway.llm import forms, requests
from apps.gateway.llm.answering import Exchange, Ready
from apps.gateway.llm.requests import Asked
from apps.gateway.llm.sound import length_ms, longest_ms
from apps.gateway.llm.talking import bill_of, cost_headers, note_sandbox
from apps.gateway.surfaces import base, checks, counting
from apps.gateway.surfaces.base import Bill, Parsed
from apps.llm.services import calls
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question
from apps.llm.services.serving import Whole
from apps.providers.llm.base import FilePart, Operation, Usage

_MOST_PICTURES = 10
_MOST_SPOKEN = 4096
_MOST_INPUTS = 2048


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the operations: its rules, what it needs, whether it comes as a form, and how it is measured.

    `model` is the one that answers whoever names none, where OpenAI's own interface lets the name away; "": none does.
    """

    operation: Operation
    rules: Mapping[str, checks.Rule]
    required: tuple[str, ...]
    measure: Callable[[dict[str, Any], tuple[FilePart, ...]], Usage]
    is_form: bool = False
    files: tuple[str, ...] = ()
    model: str = ""


class Plain:
    """The work of one such endpoint. Also streams, where the provider writes bytes or events that pass as they are."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def __call__(self, lane: Lane, exchange: Exchange, asked: Asked) -> None:
        fields, files = await self._read(exchange)
        parsed = self._parsed(fields, files)
        if parsed.is_stream:
            raise InvalidRequest.field("stream", "This endpoint answers whole; leave it out.")
        question = self._question(parsed, files, asked, exchange.name)
        with await calls.opened(lane, question, told=exchange.told) as call:
            exchange.told["x-call-id"] = str(question.call_id)

            def shown(whole: Whole) -> Ready:
                bill = bill_of(call, whole.charged)
                body, content_type = _shown(whole, parsed, bill, self._kind.operation)
                note_sandbox(exchange, call)
                return exchange.ready(body, content_type=content_type, headers=cost_headers(bill))

            await exchange.give(await call.answer(shown))

    async def _read(self, exchange: Exchange) -> tuple[Any, tuple[FilePart, ...]]:
        body = await exchange.body()
        if self._kind.is_form and forms.is_form(exchange.scope):
            return await forms.read(exchange.scope, body)
        return requests.parsed(body), ()

    def _parsed(self, fields: Any, files: tuple[FilePart, ...]) -> Parsed:
        cleaned = checks.cleaned(fields, self._kind.rules)
        if self._kind.model:
            cleaned.setdefault("model", self._kind.model)
        parsed = checks.parsed(cleaned, required=self._kind.required)
        given = {one.field.removesuffix("[]") for one in files}
        for name in self._kind.files:
            if name not in given:
                raise InvalidRequest.field(name, "Send this file in a form (multipart/form-data).")
        return parsed

    def _question(
        self, parsed: Parsed, files: tuple[FilePart, ...], asked: Asked, request_id: str
    ) -> Question:
        operation, body = self._kind.operation, parsed.body
        pictures = llm_model(parsed.model).image_tokens
        size = counting.measured(operation, body, image_tokens=pictures)
        measured = self._kind.measure(body, files)
        shown = sum(one.field.removesuffix("[]") == "image" for one in files) * pictures
        return Question(
            identity=asked.identity,
            operation=operation,
            model=parsed.model,
            body=body,
            request_id=request_id,
            least_input=size.least,
            most=Usage(
                input_tokens=size.most + shown + measured.input_tokens,
                audio_input_tokens=measured.input_tokens,
                images=measured.images,
                characters=measured.characters,
                audio_ms=measured.audio_ms,
            ),
            counted_input=size.counted + shown,
            files=files,
            choices=body.get("n") or 1,
            service_mode=asked.service_mode,
        )


def _shown(whole: Whole, parsed: Parsed, bill: Bill, operation: Operation) -> tuple[bytes, str]:
    body = whole.answer.body
    if isinstance(body, bytes):
        return body, whole.answer.content_type
    shown = {**body}
    if operation is not Operation.IMAGES and "model" in shown:
        shown["model"] = parsed.model
    usage = shown.get("usage")
    shown["usage"] = {**(usage if isinstance(usage, dict) else {}), **base.cost_fields(bill)}
    return base.dumps(shown), "application/json"


# ---------------------------------------------------------------------------- what each takes
def _nothing(body: dict[str, Any], files: tuple[FilePart, ...]) -> Usage:
    return Usage()


def _pictures(body: dict[str, Any], files: tuple[FilePart, ...]) -> Usage:
    return Usage(images=body.get("n") or 1)


def _spoken(body: dict[str, Any], files: tuple[FilePart, ...]) -> Usage:
    return Usage(characters=len(body["input"]))


def _heard(body: dict[str, Any], files: tuple[FilePart, ...]) -> Usage:
    """The length of the sound where it can be read, else the longest that a file of its size can be."""
    sounds = [one.data for one in files if one.field == "file"]
    # Providers count whole seconds, begun ones too.
    milliseconds = sum(-(-(length_ms(one) or longest_ms(one)) // 1000) * 1000 for one in sounds)
    # Models that charge tokens for sound hear no more than some ten a second.
    return Usage(audio_ms=milliseconds, input_tokens=milliseconds // 50)


def _spoken_text(value: Any, name: str) -> str:
    text = checks.text(value, name)
    if not 1 <= len(text) <= _MOST_SPOKEN:
        raise InvalidRequest.field(name, f"Give a text of 1 to {_MOST_SPOKEN} characters.")
    return text


def _inputs(value: Any, name: str) -> Any:
    """A text, a list of texts, or tokens: one list of numbers or several."""
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_INPUTS:
        raise InvalidRequest.field(name, f"Give a text or a list of 1 to {_MOST_INPUTS} texts.")
    kinds = {type(one) for one in value}
    if kinds == {str} and all(value):
        return value
    if kinds == {int} or (kinds == {list} and all(_is_tokens(one) for one in value)):
        return value
    raise InvalidRequest.field(name, "Every entry must be a text that is not empty.")


def _is_tokens(value: Any) -> bool:
    return bool(value) and all(type(one) is int for one in value)


def _moderated(value: Any, name: str) -> Any:
    if isinstance(value, str) or (isinstance(value, list) and value):
        return value
    raise InvalidRequest.field(name, "Give a text, or a list of texts or parts.")


_PICTURE_RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        "model": checks.model,
        "prompt": checks.text,
        "n": checks.integer(1, _MOST_PICTURES),
        "size": checks.text,
        "quality": checks.text,
        "response_format": checks.text,
        "style": checks.text,
        "user": checks.text,
        "stream": checks.flag,
    }
)
_SOUND_RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        "model": checks.model,
        "language": checks.text,
        "prompt": checks.text,
        "response_format": checks.text,
        "temperature": checks.number(0, 1),
        "stream": checks.flag,
    }
)

EMBEDDINGS = Kind(
    Operation.EMBEDDINGS,
    MappingProxyType(
        {
            "model": checks.model,
            "input": _inputs,
            "dimensions": checks.integer(1, 65_536),
            "encoding_format": checks.text,
            "user": checks.text,
        }
    ),
    ("input",),
    _nothing,
)
IMAGES = Kind(Operation.IMAGES, _PICTURE_RULES, ("prompt",), _pictures)
IMAGE_EDITS = Kind(
    Operation.IMAGE_EDITS, _PICTURE_RULES, ("prompt",), _pictures, is_form=True, files=("image",)
)
SPEECH = Kind(
    Operation.SPEECH,
    MappingProxyType(
        {
            "model": checks.model,
            "input": _spoken_text,
            "voice": checks.text_or_mapping,
            "speed": checks.number(0.25, 4),
            "response_format": checks.text,
            "instructions": checks.text,
            # Sound is answered as a file, not as events.
            "stream_format": checks.one_of("audio"),
        }
    ),
    ("input",),
    _spoken,
)
TRANSCRIPTION = Kind(
    Operation.TRANSCRIPTION, _SOUND_RULES, (), _heard, is_form=True, files=("file",)
)
TRANSLATION = Kind(Operation.TRANSLATION, _SOUND_RULES, (), _heard, is_form=True, files=("file",))
MODERATION = Kind(
    Operation.MODERATION,
    MappingProxyType({"model": checks.model, "input": _moderated}),
    ("input",),
    _nothing,
    # As OpenAI has it. Unless the operator prices it, it costs nothing: nobody pays for what he did not name.
    model="omni-moderation-latest",
)
