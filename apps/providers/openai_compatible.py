"""OpenAI, and whatever speaks its interface: captions, lyrics and pictures.

The address is used as it is; where it has no path, `/v1` is added. Pictures that a task starts from go to
`/images/edits` as a form with files, everything else is JSON. No limit of tokens is named: what it is called differs
between models. Of what a server answers only the first choice is read, and pictures count as bytes only: a URL of
theirs would be gone before anybody looks.
"""

from collections.abc import Generator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson

from apps.core.wire import Request, Response
from apps.providers import chat_errors, chat_jobs, forms, reach
from apps.providers.at_once import AtOnce
from apps.providers.base import (
    Access,
    Done,
    ProviderRefused,
    ProviderUnavailable,
    Standing,
    Work,
)
from apps.providers.chat_errors import Answer
from apps.providers.chat_jobs import Chat, Picture

_QUICK_SECONDS = 15
# A picture of the largest models takes a minute or two.
_SLOW_SECONDS = 180
_ANSWER_BYTES = 64 * 1024 * 1024
_MODELS = {
    "caption_model": "gpt-4o-mini",
    "lyrics_model": "gpt-4o-mini",
    "image_model": "gpt-image-1.5",
}
_SIZES = {"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536"}
_OPTIONS = ("size", "quality", "background", "output_format", "n")


class OpenAICompatible(AtOnce):
    """`Access.config` may hold `caption_model`, `lyrics_model` and `image_model`."""

    name: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI or compatible"
    summary: ClassVar[str] = (
        "Captions, lyrics and pictures by OpenAI, or by any server that speaks its interface."
    )
    credential_label: ClassVar[str] = "API key"
    credential_help: ClassVar[str] = "A key of your project, with access to the models you use."
    base_url_default: ClassVar[str] = "https://api.openai.com"
    base_url_help: ClassVar[str] = (
        "Empty for OpenAI itself; else where the interface is, such as https://llm.example.com/v1"
    )

    def submit(self, work: Work, access: Access) -> Generator[Request, Response, Done]:
        if work.job == "image":
            answer = yield from _sent(_painting(work, access), work, access)
            return _painted(answer)
        chat = chat_jobs.chat(work, access, _MODELS)
        request = _post(access, "/chat/completions", _conversation(chat))
        answer = yield from _sent(request, work, access)
        return _said(work, answer)

    def check(self, access: Access) -> Generator[Request, Response, Standing]:
        """Lists the models, which costs nothing. A server that has no list is as good as its key."""
        response = yield Request(
            "GET", _url(access, "/models"), headers=_headers(access), timeout_seconds=_QUICK_SECONDS
        )
        return chat_errors.models_listed(response, at="data", secrets=(access.credential,))


def _sent(request: Request, work: Work, access: Access) -> Generator[Request, Response, Answer]:
    response = yield request
    answer = chat_errors.read(response, secrets=(access.credential, work.reference))
    if not answer.is_success:
        raise chat_errors.failure(answer, prompt=chat_jobs.prompt_of(work))
    return answer


# ------------------------------------------------------------------------------------------------ chat


def _conversation(chat: Chat) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": chat.prompt}]
    content += [{"type": "image_url", "image_url": {"url": one.data_uri}} for one in chat.pictures]
    messages: list[dict[str, Any]] = []
    if chat.system:
        messages.append({"role": "system", "content": chat.system})
    # Servers of other makers take a plain text only where nothing else is needed.
    messages.append({"role": "user", "content": content if chat.pictures else chat.prompt})
    return {"model": chat.model, "messages": messages}


def _said(work: Work, answer: Answer) -> Done:
    choices = answer.fields.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(choice, dict):
        raise ProviderUnavailable("The provider's answer cannot be read.", is_unknown=True)
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        raise chat_errors.refused(answer.clean(message["refusal"]))
    if choice.get("finish_reason") == "content_filter":
        raise chat_errors.refused("The provider's content filter stopped the answer.")
    return chat_jobs.said(work, _text(message.get("content")), provider_id=answer.fields.get("id"))


def _text(content: Any) -> Any:
    """Some servers answer in parts."""
    if not isinstance(content, list):
        return content
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


# ---------------------------------------------------------------------------------------------- images


def _painting(work: Work, access: Access) -> Request:
    fields: dict[str, Any] = {
        "model": chat_jobs.image_model(access, _MODELS),
        "prompt": chat_jobs.image_prompt(work),
    }
    if size := _SIZES.get(str(work.input.get("aspect_ratio"))):
        fields["size"] = size
    fields |= {name: work.input[name] for name in _OPTIONS if work.input.get(name)}
    pictures = chat_jobs.pictures(work)
    if not pictures:
        return _post(access, "/images/generations", fields)
    content_type, body = forms.form(
        ((name, str(value)) for name, value in fields.items()), _files(pictures)
    )
    return Request(
        "POST",
        _url(access, "/images/edits"),
        headers=_headers(access) | {"content-type": content_type},
        body=body,
        timeout_seconds=_SLOW_SECONDS,
        max_bytes=_ANSWER_BYTES,
    )


def _files(pictures: tuple[Picture, ...]) -> list[forms.Part]:
    return [
        forms.Part(
            "image[]",
            f"{number}.{one.content_type.partition('/')[2]}",
            one.content_type,
            one.data,
        )
        for number, one in enumerate(pictures)
    ]


def _painted(answer: Answer) -> Done:
    items = answer.fields.get("data")
    if not isinstance(items, list):
        raise ProviderUnavailable("The provider's answer cannot be read.", is_unknown=True)
    found = [
        data
        for one in items
        if isinstance(one, dict) and (data := chat_jobs.image_bytes(one.get("b64_json")))
    ]
    if not found:
        raise ProviderRefused("The provider calls it done, but gives no picture.")
    return chat_jobs.painted(found)


# ------------------------------------------------------------------------------------------------ wire


def _post(access: Access, path: str, fields: dict[str, Any]) -> Request:
    return Request(
        "POST",
        _url(access, path),
        headers=_headers(access) | {"content-type": "application/json"},
        body=orjson.dumps(fields),
        timeout_seconds=_SLOW_SECONDS,
        max_bytes=_ANSWER_BYTES,
    )


def _url(access: Access, path: str) -> str:
    base = reach.url(access, "", default=OpenAICompatible.base_url_default)
    return f"{base}{path}" if urlsplit(base).path else f"{base}/v1{path}"


def _headers(access: Access) -> dict[str, str]:
    return {
        "authorization": f"Bearer {reach.credential(access)}",
        "accept": "application/json",
    }
