"""`/v1/audio/speech`, `/v1/audio/transcriptions` and `/v1/audio/translations`."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from apps.localmodels.bodies import Body, fields, files, form, json_body
from apps.localmodels.errors import ApiError, no_model, unsupported
from apps.localmodels.work import Bench, while_wanted

if TYPE_CHECKING:
    from apps.providers.local.chat.hearing import Heard

SPEECH_MODEL = "local-speech"
TRANSCRIPTION_MODEL = "local-transcription"
_speaking, _listening = Bench(1), Bench(1)


class SpeechBody(Body):
    """Any voice is taken, and there is one."""

    input: Annotated[str, Field(min_length=1, max_length=4096)]
    voice: str | dict[str, Any] = "alloy"
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio"] | None = None


class TranscriptionBody(Body):
    language: str | None = None
    prompt: Annotated[str, Field(max_length=4096)] = ""
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0
    timestamp_granularities: list[Literal["word", "segment"]] = Field(default_factory=list)


async def speech(request: Request) -> Response:
    body = await json_body(request, SpeechBody)
    if body.model != SPEECH_MODEL:
        raise no_model(body.model)
    async with while_wanted(request.receive):
        data, content_type = await _speaking.run(lambda: _spoken(body))
    return Response(data, media_type=content_type)


def _spoken(body: SpeechBody) -> tuple[bytes, str]:
    from apps.providers.local.chat import sounds  # noqa: PLC0415 - loads NumPy, ONNX and FFmpeg

    data = sounds.spoken(body.input, speed=body.speed, form=body.response_format)
    return data, sounds.FORMATS[body.response_format].content_type


async def transcriptions(request: Request) -> Response:
    return await _listened(request, "transcribe")


async def translations(request: Request) -> Response:
    """Into English, of which it hears nothing else: the same."""
    return await _listened(request, "translate")


async def _listened(request: Request, task: str) -> Response:
    sent = await form(request)
    try:
        body = fields(sent, TranscriptionBody)
        found = await files(sent, "file")
    finally:
        await sent.close()
    if body.model != TRANSCRIPTION_MODEL:
        raise no_model(body.model)
    if body.language not in (None, "", "en", "english"):
        raise unsupported("This model understands English only: language must be en.", "language")
    if len(found) != 1:
        raise ApiError("Send one file.", param="file")
    async with while_wanted(request.receive) as gone:
        heard = await _listening.run(lambda: _heard(body, found[0], gone.is_set))
    return _told(body, heard, task)


def _heard(body: TranscriptionBody, data: bytes, is_gone: Any) -> "Heard":
    from apps.providers.local.chat import hearing  # noqa: PLC0415 - loads CTranslate2

    return hearing.heard(
        data,
        prompt=body.prompt,
        temperature=body.temperature,
        with_words="word" in body.timestamp_granularities,
        is_wanted=lambda: not is_gone(),
    )


def _told(body: TranscriptionBody, heard: "Heard", task: str) -> Response:
    usage = {"type": "duration", "seconds": math.ceil(heard.seconds)}
    match body.response_format:
        case "json":
            return JSONResponse({"text": heard.text, "usage": usage})
        case "verbose_json":
            return JSONResponse(_verbose(body, heard, task) | {"usage": usage})
        case "text":
            return PlainTextResponse(f"{heard.text}\n")
        case "srt":
            return PlainTextResponse("\n".join(_subtitles(heard, ",", numbered=True)))
        case "vtt":
            return PlainTextResponse("\n".join(["WEBVTT\n", *_subtitles(heard, ".")]))


def _verbose(body: TranscriptionBody, heard: "Heard", task: str) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "task": task,
        "language": "english",
        "duration": round(heard.seconds, 3),
        "text": heard.text,
    }
    segments = [asdict(segment) for segment in heard.segments]
    words = [word for segment in segments for word in segment.pop("words")]
    wanted = body.timestamp_granularities
    if not wanted or "segment" in wanted:
        whole["segments"] = segments
    if "word" in wanted:
        whole["words"] = words
    return whole


def _subtitles(heard: "Heard", point: str, *, numbered: bool = False) -> Iterator[str]:
    for segment in heard.segments:
        head = f"{segment.id + 1}\n" if numbered else ""
        times = f"{_clock(segment.start, point)} --> {_clock(segment.end, point)}"
        yield f"{head}{times}\n{segment.text.strip()}\n"


def _clock(seconds: float, point: str) -> str:
    total = round(seconds * 1000)
    hours, minutes = total // 3_600_000, total // 60_000 % 60
    return f"{hours:02}:{minutes:02}:{total // 1000 % 60:02}{point}{total % 1000:03}"
