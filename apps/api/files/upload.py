"""POST /api/ephemeral_resource: a small file of the customer's, for 24 hours, to be used as an input."""

import re
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.policies import Feature
from apps.accounts.selectors import Identity
from apps.api import parsing
from apps.api.openapi import operations
from apps.api.views import ApiView, answer, identity_of
from apps.core import media
from apps.core.errors import InvalidRequest, PlanRequired, TooLarge
from apps.files.services import store

_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
}
# Other names that clients write for the same types.
_SAME_TYPE = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
}
_MAX_NAME = 128
_DECLARED_TYPE = re.compile(r"data:([\w.+/-]*)[;,]", re.IGNORECASE)


class EphemeralResource(ApiView):
    """From the Developer plan up. Free."""

    scope = "files"
    operations: ClassVar[dict[str, Any]] = {"post": operations.UPLOAD}

    def post(self, request: Request) -> Response:
        identity = identity_of(request)
        _check_plan(identity)
        body = parsing.json_object(request._request)
        content = _content(body.get("file_name"), body.get("file_data"))
        file = store.keep_upload(workspace_id=identity.workspace_id, content=content)
        return answer({"url": store.url_of(file)})


def _check_plan(identity: Identity) -> None:
    if not identity.terms.includes(Feature.FILE_UPLOAD):
        raise PlanRequired("Insufficient plan level", detail={"plan": identity.plan})


def _content(name: Any, data: Any) -> store.Content:
    extension = _extension(name)
    content_type = _TYPES[extension]
    raw = _bytes(data, content_type)
    found = media.sniff(raw)
    # Bytes of another format we know are a mistake worth telling. What we do not know is taken at its word, as the
    # original API does: it is served as what its name says, sandboxed, and a task that cannot read it says so.
    if found is None and raw.lstrip()[:1] == b"<":
        raise _invalid("file_data", "The data is text with markup.")
    if found is not None and found.content_type != content_type:
        raise _invalid("file_data", f"The data is a {found.extension} file, not {extension}.")
    return store.Content(raw, content_type, extension)


def _extension(name: Any) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
        raise _invalid("file_name", f"Give a name of 1 to {_MAX_NAME} characters.")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension not in _TYPES:
        raise _invalid("file_name", f"The name must end in one of {', '.join(_TYPES)}.")
    return extension


def _bytes(data: Any, content_type: str) -> bytes:
    if not isinstance(data, str) or not data:
        raise _invalid("file_data", "Give base64 or a data URI.")
    declared = _DECLARED_TYPE.match(data[:200])
    if declared and _canonical(declared.group(1)) != content_type:
        raise _invalid("file_data", "The data URI's type does not fit the file's name.")
    limit = settings.UPLOAD_MAX_BYTES
    too_large = TooLarge(f"The file is larger than {limit // 1024 // 1024} MB.")
    if len(data) > limit * 3 // 2 + 1000:
        raise too_large
    try:
        raw = media.inline_bytes(data)
    except media.MediaError as error:
        raise _invalid("file_data", str(error)) from None
    if len(raw) > limit:
        raise too_large
    return raw


def _canonical(content_type: str) -> str:
    content_type = content_type.lower()
    return _SAME_TYPE.get(content_type, content_type)


def _invalid(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest("Invalid request parameters", detail={"field": field, "reason": reason})
