"""Reading requests."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from apps.localmodels.errors import ApiError

MAX_BYTES = 48 * 1024 * 1024
Count = Annotated[int, Field(ge=1)]


class Body(BaseModel):
    """What is unknown is ignored, as clients are ahead of servers."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())
    model: str


B = TypeVar("B", bound=Body)


async def json_body(request: Request, shape: type[B]) -> B:
    """Raises `ApiError` that names the first wrong field."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_BYTES:
            raise _too_large()
    try:
        return shape.model_validate_json(bytes(data))
    except ValidationError as error:
        raise _invalid(error) from error


async def form(request: Request) -> FormData:
    """Raises `ApiError`."""
    if int(request.headers.get("content-length") or 0) > MAX_BYTES:
        raise _too_large()
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError("Send the file as multipart/form-data.")
    try:
        return await request.form(max_files=17, max_fields=100)
    except HTTPException as error:
        raise ApiError(f"The form cannot be read: {error.detail}") from error


def fields(sent: FormData, shape: type[B]) -> B:
    """The form's texts, checked. A name that ends in [] holds a list."""
    texts: dict[str, Any] = {}
    for name in sent:
        values = [value for value in sent.getlist(name) if isinstance(value, str)]
        if values:
            texts[name.removesuffix("[]")] = values if name.endswith("[]") else values[0]
    try:
        return shape.model_validate(texts)
    except ValidationError as error:
        raise _invalid(error) from error


async def files(sent: FormData, name: str) -> list[bytes]:
    found = [*sent.getlist(name), *sent.getlist(f"{name}[]")]
    return [await file.read() for file in found if isinstance(file, UploadFile)]


def _invalid(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    param = str(first["loc"][0]) if first["loc"] else None
    return ApiError(f"{where}: {first['msg']}" if where else first["msg"], param=param)


def _too_large() -> ApiError:
    return ApiError(f"The request is larger than {MAX_BYTES // 1024**2} MB.", 413)
