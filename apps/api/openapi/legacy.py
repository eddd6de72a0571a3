"""The older calls for songs and face swaps as OpenAPI says them."""

from apps.api.openapi.calls import BODY, KEYED, TASK_ID, body, creating, operation
from apps.api.openapi.shapes import (
    ANY_OBJECT,
    BOOLEAN,
    TIME,
    Schema,
    array,
    envelope,
    obj,
    reference,
    text,
)

TAG = "Older calls"
CREATE_MUSIC = creating(
    "createMusic",
    TAG,
    "Make a song",
    description="`music-s` of `POST /api/v1/task`: `generate_music`, or `generate_music_custom` with `custom_mode`.",
    answer="TaskIdAnswer",
    requestBody=body("Music"),
)
READ_MUSIC = operation(
    "getMusic",
    TAG,
    "Read a song",
    description="`clips` is an object by clip id, empty until the status is `completed`.",
    answer="MusicAnswer",
    errors=(*KEYED, 404),
    parameters=[TASK_ID],
)
SWAP_FACES = creating(
    "swapFaces",
    TAG,
    "Swap a face",
    description="`face-swap` of `Qubico/image-toolkit`.",
    answer="TaskIdAnswer",
    requestBody=body("FaceSwap"),
)
FETCH_SWAP = operation(
    "fetchFaceSwap",
    TAG,
    "Read a face swap",
    description="With the picture as base64 unless `result_type` was `url`.",
    answer="FaceSwapAnswer",
    errors=(*KEYED, *BODY, 404),
    requestBody=body("FaceSwapFetch"),
)

_CREDITS: Schema = {"type": "number", "minimum": 0, "description": "700 are one US dollar."}
_MEDIA = text("A URL, base64 or a data URI.", minLength=1)
_MUSIC = obj(
    {
        "custom_mode": BOOLEAN,
        "mv": text("The model's version, a wish."),
        "input": ANY_OBJECT
        | {
            "description": "`gpt_description_prompt`, `make_instrumental`; with custom_mode `prompt`, `title`, `tags`, "
            "`continue_clip_id`, `continue_at`."
        },
    },
    required=("input",),
)
_SWAP = obj(
    {
        "task_id": text(format="uuid"),
        "task_type": text(),
        "status": text(
            enum=["pending", "starting", "processing", "success", "failed", "retry"],
        ),
        "task_info": obj(
            {
                "created_at": TIME,
                "started_at": TIME,
                "completed_at": TIME,
                "frozen_credits": _CREDITS,
                "task_input": ANY_OBJECT,
            }
        ),
        "task_result": obj(
            {
                "used_credits": _CREDITS,
                "error_messages": array(text()),
                "task_output": obj({"image_base64": text(), "image_url": text()}),
            }
        ),
    }
)
SCHEMAS: dict[str, Schema] = {
    "TaskIdAnswer": envelope(obj({"task_id": text(format="uuid")})),
    "Music": _MUSIC,
    "MusicAnswer": envelope(
        obj(
            {
                "task_id": text(format="uuid"),
                "status": text(enum=["pending", "processing", "completed", "failed"]),
                "input": ANY_OBJECT,
                "clips": {"type": "object", "additionalProperties": ANY_OBJECT},
                "meta": {"$ref": "#/components/schemas/Task/properties/meta"},
                "error": {"$ref": "#/components/schemas/Task/properties/error"},
            }
        )
    ),
    "FaceSwap": obj(
        {
            "target_image": _MEDIA,
            "swap_image": _MEDIA,
            "result_type": text(enum=["url", "base64"], default="base64"),
        },
        required=("target_image", "swap_image"),
    ),
    "FaceSwapFetch": obj({"task_id": text(format="uuid")}),
    "FaceSwapAnswer": envelope(reference("FaceSwapTask")),
    "FaceSwapTask": _SWAP,
}
