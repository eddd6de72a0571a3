"""What requests and answers of `/v1` hold, as JSON Schema.

Only what we look at or add is named: all of these objects may hold more, and what we do not know passes.
"""

from typing import Any

from apps.api.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    ERROR_TITLES,
    Schema,
    array,
    error_response,
    error_schema,
    integer,
    nullable,
    obj,
    reference,
    text,
)
from apps.catalog.llm.model import LlmKind

ERROR, MESSAGES_ERROR = "LlmError", "MessagesError"

_TOKENS = integer("Tokens.", minimum=0)
_COST = {
    "cost": {"type": "number", "minimum": 0, "description": "What the call cost, in US$."},
    "cost_points": integer("The same, exact: 10,000,000 points are one US dollar.", minimum=0),
    "usage_source": text(
        "Whose the numbers are: the provider's, our own count, or nobody's as nothing was used.",
        enum=["reported", "counted", "none"],
    ),
}
_MODEL = text("The name or an alias of a model in `GET /v1/models`.", examples=["gpt-4o-mini"])
_STREAM = {"type": "boolean", "description": "Answer with events.", "default": False}
_LIMIT = integer("The longest answer, in tokens.", minimum=1)
_MESSAGE = obj(
    {
        "role": text(enum=["system", "developer", "user", "assistant", "tool", "function"]),
        "content": {
            "description": "A text, or a list of parts: text, image_url, input_audio, file."
        },
    },
    required=("role",),
)
_TOOLS = {**array(ANY_OBJECT), "description": "Functions that your program runs."}


def _number(least: float, most: float) -> Schema:
    return {"type": "number", "minimum": least, "maximum": most}


_SAMPLING = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "n": integer("Answers to one question.", minimum=1, maximum=128),
    "max_tokens": _LIMIT,
    "stop": {"description": "A text or up to 16 at which the answer ends."},
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": integer(),
    "logit_bias": ANY_OBJECT,
    "user": text(),
    "stream": _STREAM,
    "stream_options": obj({"include_usage": BOOLEAN}, required=()),
}


def _asked(required: tuple[str, ...], **fields: Any) -> Schema:
    return obj({"model": _MODEL, **fields}, required=("model", *required))


_REQUESTS: dict[str, Schema] = {
    "LlmChat": _asked(
        ("messages",),
        messages={**array(_MESSAGE), "minItems": 1},
        **_SAMPLING,
        max_completion_tokens=_LIMIT,
        logprobs=BOOLEAN,
        top_logprobs=integer(minimum=0, maximum=20),
        tools=_TOOLS,
        tool_choice={"description": "auto, none, required, or one function."},
        parallel_tool_calls=BOOLEAN,
        functions={**array(ANY_OBJECT), "description": "Tools, as they were first called."},
        function_call={"description": "auto, none, or one function."},
        response_format=ANY_OBJECT,
        reasoning_effort=text(),
    ),
    "LlmText": _asked(
        ("prompt",),
        prompt={"description": "A text; several, or tokens, where the provider takes them."},
        **_SAMPLING,
    ),
    "LlmResponse": _asked(
        ("input",),
        input={
            "description": "A text, or a list of items: messages, function calls, their outputs."
        },
        instructions=text(),
        max_output_tokens=_LIMIT,
        temperature=_number(0, 2),
        top_p=_number(0, 1),
        tools=_TOOLS,
        text={**ANY_OBJECT, "description": "The format of the answer."},
        reasoning=ANY_OBJECT,
        stream=_STREAM,
    ),
    "LlmMessages": _asked(
        ("messages", "max_tokens"),
        messages={**array(ANY_OBJECT), "minItems": 1},
        max_tokens=_LIMIT,
        system={"description": "A text, or a list of blocks of text."},
        temperature=_number(0, 1),
        top_p=_number(0, 1),
        top_k=integer(minimum=0),
        stop_sequences=array(text()),
        tools=_TOOLS,
        tool_choice=ANY_OBJECT,
        thinking=ANY_OBJECT,
        stream=_STREAM,
    ),
    "LlmEmbeddings": _asked(
        ("input",),
        input={"description": "A text, up to 2,048 of them, or tokens."},
        dimensions=integer(minimum=1),
        encoding_format=text(enum=["float", "base64"]),
        user=text(),
    ),
    "LlmImages": _asked(
        ("prompt",),
        prompt=text(),
        n=integer(minimum=1, maximum=10),
        size=text(),
        quality=text(),
        response_format=text(enum=["url", "b64_json"]),
    ),
    "LlmImageEdit": _asked(
        ("prompt", "image"),
        prompt=text(),
        image={
            "description": "A file, or several as `image[]`.",
            "type": "string",
            "format": "binary",
        },
        mask=text(format="binary"),
        n=integer(minimum=1, maximum=10),
        size=text(),
    ),
    "LlmSpeech": _asked(
        ("input",),
        input=text(minLength=1, maxLength=4096),
        voice={"description": "The name of a voice, or an object with its id."},
        speed=_number(0.25, 4),
        response_format=text(enum=["mp3", "opus", "aac", "flac", "wav", "pcm"]),
        instructions=text(),
    ),
    "LlmSound": _asked(
        ("file",),
        file=text(format="binary"),
        language=text("Of transcriptions."),
        prompt=text(),
        response_format=text(enum=["json", "text", "srt", "verbose_json", "vtt"]),
        temperature=_number(0, 1),
    ),
    "LlmModeration": obj(
        {
            "model": {**_MODEL, "default": "omni-moderation-latest"},
            "input": {"description": "A text, or a list of texts or parts."},
        },
        required=("input",),
    ),
}
_CHAT_USAGE = obj(
    {
        "prompt_tokens": _TOKENS,
        "completion_tokens": _TOKENS,
        "total_tokens": _TOKENS,
        "prompt_tokens_details": ANY_OBJECT,
        "completion_tokens_details": ANY_OBJECT,
        **_COST,
    }
)
_IN_OUT_USAGE = obj({"input_tokens": _TOKENS, "output_tokens": _TOKENS, **_COST})
_PAID = obj(_COST, description="And what the provider says of its usage.")
_CREATED = integer("Unix time in seconds.", minimum=0)
_LISTED = obj(
    {
        "id": text(),
        "object": {"const": "model"},
        "created": _CREATED,
        "owned_by": text(),
        "kind": text(enum=[kind.value for kind in LlmKind]),
        "title": text(),
        "context_length": nullable(_TOKENS),
        "max_output_tokens": nullable(_TOKENS),
        "takes": array(text()),
        "stream_only": BOOLEAN,
        "pricing": nullable(
            {
                "type": "object",
                "additionalProperties": text(),
                "description": "US$ by rate: of tokens and characters per million, else per one; `minimum`: a call's.",
            }
        ),
        "aliases": array(text()),
        "deprecation_date": nullable(text(format="date")),
        "replaced_by": nullable(text()),
        "available": {"type": "boolean", "description": "Whether somebody serves it now."},
    }
)
_ANSWERS: dict[str, Schema] = {
    "LlmChatAnswer": obj(
        {
            "id": text(),
            "object": {"const": "chat.completion"},
            "created": _CREATED,
            "model": text(),
            "choices": array(ANY_OBJECT),
            "usage": _CHAT_USAGE,
        }
    ),
    "LlmTextAnswer": obj(
        {
            "id": text(),
            "object": {"const": "text_completion"},
            "created": _CREATED,
            "model": text(),
            "choices": array(ANY_OBJECT),
            "usage": _CHAT_USAGE,
        }
    ),
    "LlmResponseAnswer": obj(
        {
            "id": text(),
            "object": {"const": "response"},
            "status": text(enum=["completed", "incomplete"]),
            "model": text(),
            "output": array(ANY_OBJECT),
            "usage": _IN_OUT_USAGE,
        }
    ),
    "LlmMessagesAnswer": obj(
        {
            "id": text(),
            "type": {"const": "message"},
            "role": {"const": "assistant"},
            "model": text(),
            "content": array(ANY_OBJECT),
            "stop_reason": nullable(text()),
            "usage": _IN_OUT_USAGE,
        }
    ),
    "LlmEmbeddingsAnswer": obj(
        {
            "object": {"const": "list"},
            "data": array(obj({"embedding": {"description": "Numbers, or Base64 of them."}})),
            "model": text(),
            "usage": _PAID,
        }
    ),
    "LlmImagesAnswer": obj({"data": array(ANY_OBJECT), "usage": _PAID}),
    "LlmHeard": obj({"text": text(), "usage": _PAID}),
    "LlmModerationAnswer": obj({"results": array(ANY_OBJECT), "usage": _PAID}),
    "LlmModel": _LISTED,
    "LlmModelListAnswer": obj({"object": {"const": "list"}, "data": array(reference("LlmModel"))}),
}


def _error(status: int) -> Schema:
    """OpenAI's shape, which is ours with `param`."""
    found = error_schema(status)
    inner = found["properties"]["error"]
    param = nullable(text("The field that does not fit."))
    inner = obj({**inner["properties"], "param": param})
    return obj({**found["properties"], "error": inner})


_MESSAGES_ERROR = obj(
    {
        "type": {"const": "error"},
        "error": obj({"type": text("Anthropic's word for it."), "message": text()}),
        "request_id": text("Also in the header `X-Request-Id`."),
    }
)

SCHEMAS: dict[str, Schema] = {
    **_REQUESTS,
    **_ANSWERS,
    **{f"{ERROR}{status}": _error(status) for status in ERROR_TITLES},
    **{f"{MESSAGES_ERROR}{status}": _MESSAGES_ERROR for status in ERROR_TITLES},
}
ERROR_RESPONSES = {
    f"{shape}{status}": error_response(status, schema=shape)
    for shape in (ERROR, MESSAGES_ERROR)
    for status in ERROR_TITLES
}
