"""Language models, `/v1`, as OpenAPI says it. The gateway serves them, which drf-spectacular cannot see."""

from typing import Any

from apps.api.openapi.calls import BODY, KEYED, LIMIT_HEADERS, body, operation
from apps.api.openapi.llm_schemas import ERROR, MESSAGES_ERROR
from apps.api.openapi.shapes import Schema, header, integer, reference, text

TAG = "Language models"
_ERRORS = (*KEYED, *BODY, 402, 503)
_BYTES: Schema = {"schema": {"type": "string", "format": "binary"}}
_EVENTS: Schema = {"schema": text("Server-sent events; the last tells usage and cost.")}

HEADERS = {
    "X-Call-Id": header("The id of this call in the log of calls.", text(format="uuid")),
    "X-Cost-Points": header(
        "What it cost: 10,000,000 points are one US dollar. A stream says it in its last event.",
        integer(minimum=0),
        required=False,
    ),
    "X-Cost-Usd": header("The same in US dollars, exact.", text(), required=False),
    "X-Usage-Source": header(
        "Whose numbers it is by.", text(enum=["reported", "counted", "none"]), required=False
    ),
    "X-Served-By": header(
        "`sandbox`: a small model of ours answered, as nobody has an account for this one.",
        text(),
        required=False,
    ),
}
_CALL_HEADERS = LIMIT_HEADERS | {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
_SERVICE_MODE = {
    "name": "X-Service-Mode",
    "in": "header",
    "description": "`public` uses the operator's accounts, `private` your own; else as the workspace is set.",
    "schema": {"type": "string", "enum": ["", "public", "private"]},
}


def _call(
    name: str,
    summary: str,
    description: str,
    *,
    asks: str,
    answer: str,
    error: str = ERROR,
    content: Schema | None = None,
    is_form: bool = False,
) -> dict[str, Any]:
    """An operation that asks a model. `content` are other types that it may be answered with."""
    made = operation(
        name,
        TAG,
        summary,
        description=description,
        answer=answer,
        errors=_ERRORS,
        error=error,
        parameters=[_SERVICE_MODE],
        requestBody=_form(asks) if is_form else body(asks),
    )
    found = made["responses"]["200"]
    found["headers"] = _CALL_HEADERS
    found["content"] |= content or {}
    return made


def _form(schema: str) -> Schema:
    return {"required": True, "content": {"multipart/form-data": {"schema": reference(schema)}}}


_STREAMED = {"text/event-stream": _EVENTS}
_TEXT = {"text/plain": {"schema": text("With `response_format` text, srt or vtt.")}}

CHAT = _call(
    "chatCompletions",
    "Chat",
    "OpenAI's chat completions, with any model of the kind chat. A stream ends with `data: [DONE]`.",
    asks="LlmChat",
    answer="LlmChatAnswer",
    content=_STREAMED,
)
COMPLETIONS = _call(
    "completions",
    "Continue a text",
    "OpenAI's older completions.",
    asks="LlmText",
    answer="LlmTextAnswer",
    content=_STREAMED,
)
RESPONSES = _call(
    "responses",
    "Respond",
    "OpenAI's responses, without what needs a memory: nothing that is said is kept.",
    asks="LlmResponse",
    answer="LlmResponseAnswer",
    content=_STREAMED,
)
MESSAGES = _call(
    "messages",
    "Anthropic's messages",
    "With any model of the kind chat. Errors have Anthropic's shape.",
    asks="LlmMessages",
    answer="LlmMessagesAnswer",
    error=MESSAGES_ERROR,
    content=_STREAMED,
)
EMBEDDINGS = _call(
    "embeddings",
    "Embeddings",
    "Texts as vectors.",
    asks="LlmEmbeddings",
    answer="LlmEmbeddingsAnswer",
)
IMAGES = _call(
    "imageGenerations",
    "Draw pictures",
    "Answered whole; charged by the picture or by tokens.",
    asks="LlmImages",
    answer="LlmImagesAnswer",
)
IMAGE_EDITS = _call(
    "imageEdits",
    "Change pictures",
    "As drawing, from up to sixteen files.",
    asks="LlmImageEdit",
    answer="LlmImagesAnswer",
    is_form=True,
)
SPEECH = _call(
    "speech",
    "Speak",
    "Answered with sound.",
    asks="LlmSpeech",
    answer="LlmHeard",
)
# The one operation whose success is no JSON.
SPEECH["responses"]["200"]["content"] = {"audio/*": _BYTES}
TRANSCRIPTIONS = _call(
    "transcriptions",
    "Write down what is said",
    "Charged by the length of the sound.",
    asks="LlmSound",
    answer="LlmHeard",
    content=_TEXT,
    is_form=True,
)
TRANSLATIONS = _call(
    "translations",
    "Write down in English what is said",
    "As transcriptions.",
    asks="LlmSound",
    answer="LlmHeard",
    content=_TEXT,
    is_form=True,
)
MODERATIONS = _call(
    "moderations",
    "Judge texts",
    "Which of them are offensive or dangerous.",
    asks="LlmModeration",
    answer="LlmModerationAnswer",
)
MODELS = operation(
    "llmModels",
    TAG,
    "The models that can be called",
    description="Those that have a price and are served now, as far as the key may call them. With the header "
    "`anthropic-version` in Anthropic's shape and by pages.",
    answer="LlmModelListAnswer",
    errors=(*KEYED, 400),
    error=ERROR,
)
MODEL = operation(
    "llmModel",
    TAG,
    "One model",
    description="By its name or an alias, also one that nobody serves now.",
    answer="LlmModel",
    errors=(*KEYED, 404),
    error=ERROR,
    parameters=[
        {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}},
    ],
)

PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"post": CHAT},
    "/v1/completions": {"post": COMPLETIONS},
    "/v1/responses": {"post": RESPONSES},
    "/v1/messages": {"post": MESSAGES},
    "/v1/embeddings": {"post": EMBEDDINGS},
    "/v1/images/generations": {"post": IMAGES},
    "/v1/images/edits": {"post": IMAGE_EDITS},
    "/v1/audio/speech": {"post": SPEECH},
    "/v1/audio/transcriptions": {"post": TRANSCRIPTIONS},
    "/v1/audio/translations": {"post": TRANSLATIONS},
    "/v1/moderations": {"post": MODERATIONS},
    "/v1/models": {"get": MODELS},
    "/v1/models/{model}": {"get": MODEL},
}
