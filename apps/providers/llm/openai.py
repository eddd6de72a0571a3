"""OpenAI's interface, which every operation but Anthropic's has its shape from.

The address is used as it is; where it has no path, `/v1` is added. `Access.config` may hold `stream_usage`: false for
a server that refuses to be asked for usage in a stream, and `native_responses`: true for one that has `/responses`.
"""

from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

from apps.core.wire import Request, Response
from apps.providers import forms, reach
from apps.providers.base import Access, ProviderError
from apps.providers.llm import openai_answers, openai_streams, reading
from apps.providers.llm.base import Answer, Call, Decoder, Operation

_BASE_URL = "https://api.openai.com"
_PATHS = {
    Operation.CHAT: "/chat/completions",
    Operation.COMPLETIONS: "/completions",
    Operation.RESPONSES: "/responses",
    Operation.EMBEDDINGS: "/embeddings",
    Operation.IMAGES: "/images/generations",
    Operation.IMAGE_EDITS: "/images/edits",
    Operation.SPEECH: "/audio/speech",
    Operation.TRANSCRIPTION: "/audio/transcriptions",
    Operation.TRANSLATION: "/audio/translations",
    Operation.MODERATION: "/moderations",
}
_FORMS = frozenset({Operation.IMAGE_EDITS, Operation.TRANSCRIPTION, Operation.TRANSLATION})
_TELLS_USAGE = frozenset({Operation.CHAT, Operation.COMPLETIONS})
# Which are answered with bytes.
_BYTES = frozenset({Operation.SPEECH, Operation.TRANSCRIPTION, Operation.TRANSLATION})
# An account serves many customers: what one leaves there, the next could ask for.
_SHARED = ("previous_response_id", "conversation", "background")


class OpenAI:
    name: ClassVar[str] = "openai"

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        """Without an account, what every server of this kind takes."""
        if operation is Operation.RESPONSES:
            return access is not None and self._has_responses(access)
        if operation is Operation.COMPLETIONS and access is not None and is_openai(access):
            # Its chat models answer 404 there.
            return False
        return operation in _PATHS

    def request(self, call: Call, access: Access) -> Request:
        if call.operation in _FORMS:
            content_type, body = forms.form(_fields(_body(call, access)), _files(call))
        else:
            content_type, body = "application/json", reading.written(_body(call, access))
        return Request(
            "POST",
            self._url(access, _PATHS[call.operation]),
            headers={
                **self._headers(access),
                "content-type": content_type,
                "accept": _accept(call),
            },
            body=body,
            timeout_seconds=call.timeout_seconds,
            max_bytes=call.max_bytes,
        )

    def answer(self, call: Call, response: Response, access: Access) -> Answer:
        return openai_answers.answer(call, response, access)

    def failure(self, response: Response, access: Access) -> ProviderError:
        return reading.failure(response, access)

    def decoder(self, call: Call, access: Access) -> Decoder:
        return openai_streams.decoder(call, access)

    def _url(self, access: Access, path: str) -> str:
        base = reach.url(access, "", default=_BASE_URL)
        return f"{base}{path}" if urlsplit(base).path else f"{base}/v1{path}"

    def _headers(self, access: Access) -> dict[str, str]:
        return {"authorization": f"Bearer {reach.credential(access)}"}

    def _has_responses(self, access: Access) -> bool:
        chosen = access.config.get("native_responses")
        if isinstance(chosen, bool):
            return chosen
        return is_openai(access)


def is_openai(access: Access) -> bool:
    """Whether the account is at OpenAI itself."""
    return not access.base_url or _is_of_openai(access.base_url)


@lru_cache(maxsize=1024)
def _is_of_openai(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith(".api.openai.com")


def _accept(call: Call) -> str:
    if call.operation in _BYTES:
        return "*/*"
    return "text/event-stream" if call.is_stream else "application/json"


# ---------------------------------------------------------------------------------------------- bodies


def _body(call: Call, access: Access) -> dict[str, Any]:
    body = {**call.body, "model": call.model}
    if call.operation is Operation.SPEECH:
        # Whether sound comes piece by piece is no field there, but how: `stream_format`.
        return body
    body.pop("stream", None)
    if call.is_stream or call.operation in _TELLS_USAGE or call.operation is Operation.RESPONSES:
        body["stream"] = call.is_stream
    if call.operation in _TELLS_USAGE:
        _ask_for_usage(body, call, access)
        if call.operation is Operation.CHAT and is_openai(access) and "max_tokens" in body:
            # Its newer models refuse the old name, its older ones know both; other servers may know only the old.
            body.setdefault("max_completion_tokens", body.pop("max_tokens"))
    elif call.operation is Operation.RESPONSES:
        body = {name: value for name, value in body.items() if name not in _SHARED}
        body["store"] = False
    return body


def _ask_for_usage(body: dict[str, Any], call: Call, access: Access) -> None:
    options = reading.mapping(body.pop("stream_options", None))
    if call.is_stream and access.config.get("stream_usage") is not False:
        body["stream_options"] = {**options, "include_usage": True}


def _fields(body: dict[str, Any]) -> list[tuple[str, str]]:
    """A list is a field given several times, by a name that ends in brackets."""
    fields = []
    for name, value in body.items():
        if isinstance(value, list):
            named = name if name.endswith("[]") else f"{name}[]"
            fields += [(named, _written(one)) for one in value]
        elif value is not None:
            fields.append((name, _written(value)))
    return fields


def _written(value: Any) -> str:
    return value if isinstance(value, str) else reading.written(value).decode()


def _files(call: Call) -> list[forms.Part]:
    return [forms.Part(one.field, one.file_name, one.content_type, one.data) for one in call.files]
