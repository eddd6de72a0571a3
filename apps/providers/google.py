"""Google's Gemini API: captions, lyrics and pictures, all by `generateContent`.

Moderation hides in success: a prompt that was blocked, or an answer that ends for a reason of safety, comes with status
200. A wrong key is a 400 whose details say so.
"""

import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar

import orjson

from apps.core.wire import Request, Response
from apps.providers import chat_errors, chat_jobs, reach, untrusted
from apps.providers.at_once import AtOnce
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Standing,
    Work,
)
from apps.providers.chat_errors import Answer
from apps.providers.chat_jobs import Chat, Picture

Why = ProviderRefused.Why

_QUICK_SECONDS = 15
_SLOW_SECONDS = 120
_ANSWER_BYTES = 64 * 1024 * 1024
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MODELS = {
    "caption_model": "gemini-2.5-flash",
    "lyrics_model": "gemini-2.5-flash",
    "image_model": "gemini-3.1-flash-image",
}
# What Google calls the models that customers choose by name; the account's option, if any, wins.
_IMAGE_MODELS = {
    "gemini-2.5-flash-image": "gemini-2.5-flash-image",
    "nano-banana-pro": "gemini-3-pro-image",
    "nano-banana-2": "gemini-3.1-flash-image",
}
_SIZES = ("1K", "2K", "4K")
_MODERATED = frozenset(
    {"SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION", "IMAGE_RECITATION",
     "BLOCKLIST", "SPII"}
)  # fmt: skip
_INVALID = frozenset({"NO_IMAGE", "IMAGE_OTHER"})


class Google(AtOnce):
    """`Access.config` may hold `caption_model`, `lyrics_model` and `image_model`."""

    name: ClassVar[str] = "google"
    title: ClassVar[str] = "Google Gemini"
    summary: ClassVar[str] = "Captions, lyrics and pictures by Gemini, on your account at Google."
    credential_label: ClassVar[str] = "API key"
    credential_help: ClassVar[str] = "A key of the Gemini API, from Google AI Studio."
    base_url_default: ClassVar[str] = "https://generativelanguage.googleapis.com"
    base_url_help: ClassVar[str] = "Empty, unless a gateway of your own stands in between."

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Done]:
        if work.job == "image":
            named = _IMAGE_MODELS.get(work.task_type, _MODELS["image_model"])
            model = chat_jobs.image_model(access, {"image_model": named})
            answer = yield from _asked(work, access, model, _painting(work))
            return chat_jobs.painted(
                [data for part in _parts(answer) if (data := _picture(part))],
                provider_id=answer.fields.get("responseId"),
            )
        chat = chat_jobs.chat(work, access, _MODELS)
        answer = yield from _asked(work, access, chat.model, _question(chat))
        texts = (part.get("text") for part in _parts(answer) if not part.get("thought"))
        text = "".join(one for one in texts if isinstance(one, str))
        return chat_jobs.said(work, text, provider_id=answer.fields.get("responseId"))

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """Lists the models, which costs nothing."""
        response = yield Request(
            "GET",
            _url(access, "/models"),
            headers=_headers(access),
            timeout_seconds=_QUICK_SECONDS,
        )
        return chat_errors.models_listed(response, at="models", secrets=(access.credential,))


def _asked(
    work: Work, access: Access, model: str, body: dict[str, Any]
) -> Generator[Request, Response, Answer]:
    if not _MODEL.fullmatch(model):
        # It stands in the path.
        raise AccountNeedsOwner(f"There can be no model called {model[:60]!r}.", need=Need.SETUP)
    response = yield Request(
        "POST",
        _url(access, f"/models/{model}:generateContent"),
        headers=_headers(access) | {"content-type": "application/json"},
        body=orjson.dumps(body),
        timeout_seconds=_SLOW_SECONDS,
        max_bytes=_ANSWER_BYTES,
    )
    answer = chat_errors.read(response, secrets=(access.credential, work.reference))
    if not answer.is_success:
        raise chat_errors.failure(answer, prompt=chat_jobs.prompt_of(work))
    return answer


# ------------------------------------------------------------------------------------------- questions


def _question(chat: Chat) -> dict[str, Any]:
    body: dict[str, Any] = {
        "contents": [_contents(chat.prompt, chat.pictures)],
        "generationConfig": {"maxOutputTokens": chat_jobs.MOST_TOKENS},
    }
    if chat.system:
        body["systemInstruction"] = {"parts": [{"text": chat.system}]}
    return body


def _painting(work: Work) -> dict[str, Any]:
    image: dict[str, str] = {}
    if ratio := work.input.get("aspect_ratio"):
        image["aspectRatio"] = str(ratio)
    if (size := work.input.get("resolution")) in _SIZES:
        image["imageSize"] = str(size)
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    if image:
        config["imageConfig"] = image
    prompt = chat_jobs.image_prompt(work)
    body: dict[str, Any] = {
        "contents": [_contents(prompt, chat_jobs.pictures(work))],
        "generationConfig": config,
    }
    if work.input.get("enable_web_search") is True:
        body["tools"] = [{"googleSearch": {}}]
    return body


def _contents(prompt: str, pictures: tuple[Picture, ...]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": prompt}]
    parts += [
        {"inlineData": {"mimeType": one.content_type, "data": one.base64}} for one in pictures
    ]
    return {"role": "user", "parts": parts}


# --------------------------------------------------------------------------------------------- answers


def _parts(answer: Answer) -> list[Mapping[str, Any]]:
    """The parts of the answer. Raises ProviderRefused where it ends for another reason than being finished."""
    feedback = answer.fields.get("promptFeedback")
    blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if blocked:
        raise chat_errors.refused(f"The prompt was blocked ({untrusted.text(blocked, most=60)}).")
    candidates = answer.fields.get("candidates")
    if not isinstance(candidates, list):
        raise ProviderUnavailable("The provider's answer cannot be read.", is_unknown=True)
    candidate = candidates[0] if candidates and isinstance(candidates[0], dict) else {}
    reason = untrusted.text(candidate.get("finishReason"), most=60)
    parts = list(_found(candidate))
    if reason in _MODERATED:
        raise chat_errors.refused(f"The answer was withheld ({reason}).")
    if reason in _INVALID:
        raise ProviderRefused(
            answer.clean(_words(parts)) or f"There is no picture ({reason}).", why=Why.INVALID
        )
    return parts


def _found(candidate: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return (part for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict))


def _words(parts: list[Mapping[str, Any]]) -> str:
    return " ".join(filter(None, (untrusted.text(part.get("text")) for part in parts)))


def _picture(part: Mapping[str, Any]) -> bytes | None:
    inline = part.get("inlineData")
    return chat_jobs.image_bytes(inline.get("data")) if isinstance(inline, dict) else None


def _url(access: Access, path: str) -> str:
    trimmed = reach.trimmed(access, "/v1beta")
    return reach.url(trimmed, f"/v1beta{path}", default=Google.base_url_default)


def _headers(access: Access) -> dict[str, str]:
    return {"x-goog-api-key": reach.credential(access), "accept": "application/json"}
