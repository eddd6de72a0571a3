"""Embeddings and pictures by Google, in OpenAI's shapes.

Pictures come from two kinds of models there: Imagen's own method takes how many and in which shape; Gemini's draw in a
conversation, one at a time, and take pictures to start from.
"""

import base64
import struct
import time
from dataclasses import replace
from typing import Any

from apps.providers import chat_errors
from apps.providers.base import ProviderRefused
from apps.providers.llm import google_answers, reading
from apps.providers.llm.base import Answer, Call, FilePart, Operation, Usage

_RATIOS = {
    "1024x1024": "1:1",
    "1536x1024": "3:2",
    "1024x1536": "2:3",
    "1792x1024": "16:9",
    "1024x1792": "9:16",
}
# Imagen knows fewer.
_NEAREST = {"3:2": "4:3", "2:3": "3:4"}
_MOST_BATCH = 100


def is_imagen(call: Call) -> bool:
    return call.operation is Operation.IMAGES and call.model.startswith("imagen")


def method(call: Call) -> str:
    if call.operation is Operation.EMBEDDINGS:
        return "batchEmbedContents"
    return "predict" if is_imagen(call) else "generateContent"


def body(call: Call) -> dict[str, Any]:
    """Raises ProviderRefused for what Google has no words for."""
    if call.operation is Operation.EMBEDDINGS:
        return _texts(call)
    if call.is_stream:
        raise reading.refused("Google does not stream pictures: stream cannot be set.")
    return _imagen(call) if is_imagen(call) else _drawing(call)


def answer(call: Call, fields: dict[str, Any]) -> Answer:
    """Raises ProviderError."""
    if call.operation is Operation.EMBEDDINGS:
        return _vectors(call, fields)
    found = _predicted(fields) if is_imagen(call) else _drawn(fields)
    if not found:
        raise ProviderRefused("The provider calls it done, but gives no picture.")
    used = replace(google_answers.used_by(fields) or Usage(), images=len(found))
    data = [{"b64_json": one} for one in found]
    return Answer({"created": int(time.time()), "data": data}, used)


# ------------------------------------------------------------------------------------------ embeddings


def _texts(call: Call) -> dict[str, Any]:
    given = call.body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise reading.refused("Google embeds texts only: input must be one or several.")
    if len(texts) > _MOST_BATCH:
        raise reading.refused(f"Google embeds at most {_MOST_BATCH} texts at once.")
    model = f"models/{call.model}"
    size = call.body.get("dimensions")
    extra = {"outputDimensionality": size} if size else {}
    return {
        "requests": [
            {"model": model, "content": {"parts": [{"text": one}]}, **extra} for one in texts
        ]
    }


def _vectors(call: Call, fields: dict[str, Any]) -> Answer:
    found = [one.get("values") for one in reading.objects(fields.get("embeddings"))]
    given = call.body.get("input")
    if len(found) != (len(given) if isinstance(given, list) else 1):
        raise reading.unreadable()
    is_packed = call.body.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": number,
            "embedding": _packed(one) if is_packed else _numbers(one),
        }
        for number, one in enumerate(found)
    ]
    used = google_answers.used_by(fields)
    whole: dict[str, Any] = {"object": "list", "data": data, "model": call.model}
    if used is not None:
        whole["usage"] = {"prompt_tokens": used.input_tokens, "total_tokens": used.input_tokens}
    return Answer(whole, used)


def _numbers(value: Any) -> list[float]:
    is_vector = isinstance(value, list) and value
    if not is_vector or any(type(one) not in (int, float) for one in value):
        raise reading.unreadable()
    numbers: list[float] = value
    return numbers


def _packed(value: Any) -> str:
    """As the official client asks for them: 32 bits a number, the lowest byte first."""
    numbers = _numbers(value)
    try:
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    except (OverflowError, struct.error):
        raise reading.unreadable() from None


# -------------------------------------------------------------------------------------------- pictures


def _imagen(call: Call) -> dict[str, Any]:
    parameters: dict[str, Any] = {"sampleCount": call.body.get("n") or 1}
    if ratio := _RATIOS.get(str(call.body.get("size"))):
        parameters["aspectRatio"] = _NEAREST.get(ratio, ratio)
    return {"instances": [{"prompt": call.body.get("prompt")}], "parameters": parameters}


def _drawing(call: Call) -> dict[str, Any]:
    if (call.body.get("n") or 1) != 1:
        raise reading.refused("This model draws one picture at a time: n must be 1.")
    parts: list[dict[str, Any]] = [{"text": reading.text(call.body.get("prompt"))}]
    parts += [_given(one) for one in call.files]
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if ratio := _RATIOS.get(str(call.body.get("size"))):
        config["imageConfig"] = {"aspectRatio": ratio}
    return {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}


def _given(file: FilePart) -> dict[str, Any]:
    if file.field.removesuffix("[]") != "image":
        raise reading.refused("Google takes no mask: say in the prompt what is to change.")
    data = base64.b64encode(file.data).decode()
    return {"inlineData": {"mimeType": file.content_type, "data": data}}


def _predicted(fields: dict[str, Any]) -> list[str]:
    found = reading.objects(fields.get("predictions"))
    pictures = [one for part in found if (one := reading.text(part.get("bytesBase64Encoded")))]
    filtered = [one for part in found if (one := reading.text(part.get("raiFilteredReason")))]
    if filtered and not pictures:
        raise chat_errors.refused(f"The picture was withheld: {filtered[0][:500]}")
    return pictures


def _drawn(fields: dict[str, Any]) -> list[str]:
    found = google_answers.candidates(fields)
    for one in found:
        if google_answers.finish(one.get("finishReason"), has_calls=False) == "content_filter":
            raise chat_errors.refused(f"The picture was withheld ({one['finishReason']}).")
    inline = (
        reading.mapping(part.get("inlineData")).get("data")
        for one in found
        for part in google_answers.parts(one)
        if not part.get("thought")
    )
    return [one for one in inline if isinstance(one, str) and one]
