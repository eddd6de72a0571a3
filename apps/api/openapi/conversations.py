"""Conversations that are kept, `/api/chatgpt/v1`, as OpenAPI says it. The gateway serves them."""

from typing import Any

from apps.api.openapi.calls import BODY, KEYED, body, operation
from apps.api.openapi.shapes import (
    ANY_OBJECT,
    Schema,
    array,
    envelope,
    integer,
    nullable,
    obj,
    reference,
    text,
)

TAG = "Conversations"
_BYTES: Schema = {"schema": {"type": "string", "format": "binary"}}
_STREAM: Schema = {
    "text/event-stream": {
        "schema": text("Server-sent events, each a `ConversationEvent`; `data: [DONE]` ends them."),
        "example": 'data: {"message": {"content": {"parts": ["Hello"]}, "status": "in_progress"}}\n\n',
    }
}
_ASKING = (*KEYED, *BODY, 402, 404, 503)


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _streamed(made: dict[str, Any]) -> dict[str, Any]:
    made["responses"]["200"]["content"] = _STREAM
    return made


_TALK = _path("conversation_id")
CREATE = _streamed(
    operation(
        "createConversation",
        TAG,
        "Begin a conversation",
        description="The first question and its answer, which is streamed. Each event carries the whole text so far; "
        "`conversation_id` names the conversation from then on. What goes wrong before the answer begins is an error "
        "as everywhere, later it is in `error` of the last event.",
        answer="ConversationEvent",
        errors=_ASKING,
        requestBody=body("ConversationCreate"),
    )
)
GO_ON = _streamed(
    operation(
        "addMessage",
        TAG,
        "Go on with a conversation",
        description="The next question; the same stream. One answer at a time: while one is written others are 429.",
        answer="ConversationEvent",
        errors=_ASKING,
        parameters=[_TALK],
        requestBody=body("ConversationMessage"),
    )
)
ADD_FILE = operation(
    "addConversationFile",
    TAG,
    "Give a file to a conversation",
    description="A form with `file`, or JSON. Text of txt, md, csv, tsv, json, html and pdf is read; pictures are "
    "shown to models that see. `note` says why a file has no text.",
    answer="ConversationFileAnswer",
    errors=(*KEYED, *BODY, 402, 404),
    parameters=[_TALK],
    requestBody=body("ConversationFileUpload"),
)
ADD_FILE["requestBody"]["content"]["multipart/form-data"] = {
    "schema": obj({"file": {"type": "string", "format": "binary"}})
}
GET_FILE = operation(
    "getConversationFile",
    TAG,
    "Download a file",
    description="The bytes of a file that was given. Each download is paid for.",
    answer="ConversationFileAnswer",
    errors=(*KEYED, 402, 404),
    parameters=[_TALK, _path("file_id")],
)
GET_FILE["responses"]["200"]["content"] = {"application/octet-stream": _BYTES}
GET_SANDBOX = operation(
    "getConversationSandbox",
    TAG,
    "Download a file that the model made",
    description="404: no model here has a sandbox of its own.",
    answer="ConversationFileAnswer",
    errors=(*KEYED, 404),
    parameters=[
        _TALK,
        {"name": "path", "in": "query", "required": True, "schema": {"type": "string"}},
    ],
)
GET_TASK = operation(
    "getConversationTask",
    TAG,
    "Read an answer as a task",
    description="By the id of the answer's message, which the header `X-Task-Id` tells too.",
    answer="TaskAnswer",
    errors=(*KEYED, 404),
    parameters=[_path("task_id")],
)

_BASE = "/api/chatgpt/v1"
PATHS: dict[str, dict[str, Any]] = {
    f"{_BASE}/conversation": {"post": CREATE},
    f"{_BASE}/conversation/{{conversation_id}}": {"post": GO_ON},
    f"{_BASE}/conversation/{{conversation_id}}/file": {"post": ADD_FILE},
    f"{_BASE}/conversation/{{conversation_id}}/file/{{file_id}}": {"get": GET_FILE},
    f"{_BASE}/conversation/{{conversation_id}}/sandbox": {"get": GET_SANDBOX},
    f"{_BASE}/task/{{task_id}}": {"get": GET_TASK},
}

_POINTER = obj(
    {
        "content_type": {"const": "image_asset_pointer"},
        "asset_pointer": text("file-service:// and the id of a picture of this conversation."),
        "size_bytes": integer(minimum=0),
        "width": integer(minimum=0),
        "height": integer(minimum=0),
    },
    required=("content_type", "asset_pointer"),
)
_CONTENT = obj(
    {
        "content_type": text(enum=["text", "multimodal_text"]),
        "parts": {**array({"anyOf": [text(), _POINTER]}), "minItems": 1, "maxItems": 50},
    },
    required=("parts",),
)
_METADATA = obj(
    {
        "attachments": {
            **array(obj({"id": text("file-…"), "name": text()}, required=("id",))),
            "description": "Files that the question is about; without any, all of the conversation.",
        }
    },
    required=(),
)
_MESSAGE = {"content": reference("ConversationContent"), "metadata": _METADATA}
_EVENT_MESSAGE = obj(
    {
        "id": text(format="uuid"),
        "author": obj({"role": text(), "name": nullable(text()), "metadata": ANY_OBJECT}),
        "create_time": {"type": "number"},
        "update_time": {"type": "number"},
        "content": obj({"content_type": {"const": "text"}, "parts": array(text())}),
        "status": text(enum=["in_progress", "finished_successfully"]),
        "end_turn": nullable({"type": "boolean"}),
        "weight": {"type": "number"},
        "metadata": obj({"model_slug": text(), "parent_id": text(format="uuid")}),
        "recipient": {"const": "all"},
    }
)
_FILE = obj(
    {
        "file_name": text(),
        "file_id": text("file-…"),
        "file_size": integer(minimum=0),
        "mime_type": text(),
        "pages": nullable(integer(minimum=0)),
        "characters": integer("Of text that was read.", minimum=0),
        "note": text("Why there is none, or less."),
        "width": integer(minimum=1),
        "height": integer(minimum=1),
    },
    required=("file_name", "file_id", "file_size", "mime_type", "pages", "characters", "note"),
)
SCHEMAS: dict[str, Schema] = {
    "ConversationContent": _CONTENT,
    "ConversationMessage": obj(_MESSAGE, required=("content",)),
    "ConversationCreate": obj(
        {
            "model": text("gpt-4, gpt-4o, gpt-4-gizmo, or any other chat model."),
            "gizmo_id": text("With gpt-4-gizmo: the GPT.", pattern="^g-[A-Za-z0-9]{1,64}$"),
            **_MESSAGE,
        },
        required=("model", "content"),
    ),
    "ConversationEvent": obj(
        {
            "message": _EVENT_MESSAGE,
            "conversation_id": text(format="uuid"),
            "error": nullable(ANY_OBJECT),
        }
    ),
    "ConversationFileUpload": obj(
        {
            "file_name": text(minLength=1, maxLength=128),
            "file_data": text("Base64 or a data address, at most 20 MB of data.", minLength=1),
        }
    ),
    "ConversationFileAnswer": envelope(_FILE),
}
