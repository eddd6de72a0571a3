"""Anthropic: captions and lyrics.

A model that declines says so in `stop_reason`, with status 200. An empty balance is a 400 that calls itself an invalid
request; only its words tell.
"""

from collections.abc import Generator
from typing import Any, ClassVar

import orjson

from apps.core.wire import Request, Response
from apps.providers import chat_errors, chat_jobs, reach
from apps.providers.at_once import AtOnce
from apps.providers.base import Access, Done, ProviderUnavailable, Standing, Work
from apps.providers.chat_errors import Answer
from apps.providers.chat_jobs import Chat

_VERSION = "2023-06-01"
_QUICK_SECONDS = 15
_SLOW_SECONDS = 120
_MODELS = {"caption_model": "claude-sonnet-4-6", "lyrics_model": "claude-sonnet-4-6"}


class Anthropic(AtOnce):
    """`Access.config` may hold `caption_model` and `lyrics_model`."""

    name: ClassVar[str] = "anthropic"
    title: ClassVar[str] = "Anthropic"
    summary: ClassVar[str] = "Captions and lyrics by Claude, on your account at Anthropic."
    credential_label: ClassVar[str] = "API key"
    credential_help: ClassVar[str] = "A key of your workspace in Anthropic's console."
    base_url_default: ClassVar[str] = "https://api.anthropic.com"
    base_url_help: ClassVar[str] = "Empty, unless a gateway of your own stands in between."

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Done]:
        chat = chat_jobs.chat(work, access, _MODELS)
        response = yield Request(
            "POST",
            _url(access, "/messages"),
            headers=_headers(access) | {"content-type": "application/json"},
            body=orjson.dumps(_message(chat)),
            timeout_seconds=_SLOW_SECONDS,
        )
        answer = chat_errors.read(response, secrets=(access.credential, work.reference))
        if not answer.is_success:
            raise chat_errors.failure(answer, prompt=chat_jobs.prompt_of(work))
        return _said(work, answer)

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """Lists the models, which costs nothing and shows nothing of the balance."""
        response = yield Request(
            "GET",
            _url(access, "/models"),
            headers=_headers(access),
            timeout_seconds=_QUICK_SECONDS,
        )
        return chat_errors.models_listed(response, at="data", secrets=(access.credential,))


def _message(chat: Chat) -> dict[str, Any]:
    content: list[dict[str, Any]] = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": one.content_type, "data": one.base64},
        }
        for one in chat.pictures
    ]
    content.append({"type": "text", "text": chat.prompt})
    body: dict[str, Any] = {
        "model": chat.model,
        "max_tokens": chat_jobs.MOST_TOKENS,
        "messages": [{"role": "user", "content": content}],
    }
    return body | {"system": chat.system} if chat.system else body


def _said(work: Work, answer: Answer) -> Done:
    if answer.fields.get("stop_reason") == "refusal":
        raise chat_errors.refused("The model declined to answer.")
    content = answer.fields.get("content")
    if not isinstance(content, list):
        raise ProviderUnavailable("The provider's answer cannot be read.", is_unknown=True)
    parts = (part.get("text") for part in content if isinstance(part, dict))
    text = "".join(part for part in parts if isinstance(part, str))
    return chat_jobs.said(work, text, provider_id=answer.fields.get("id"))


def _url(access: Access, path: str) -> str:
    trimmed = reach.trimmed(access, "/v1")
    return reach.url(trimmed, f"/v1{path}", default=Anthropic.base_url_default)


def _headers(access: Access) -> dict[str, str]:
    return {
        "x-api-key": reach.credential(access),
        "anthropic-version": _VERSION,
        "accept": "application/json",
    }
