"""`/v1/images/generations` and `/v1/images/edits`."""

import base64
import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from apps.localmodels.bodies import Body, fields, files, form, json_body
from apps.localmodels.errors import ApiError, no_model, unsupported
from apps.localmodels.work import Bench, while_wanted

MODEL = "local-image"
_USUAL = (768, 768)
_SMALLEST, _LARGEST = 64, 1536
_SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")
_bench = Bench(1)
Size = tuple[int, int]


class ImageBody(Body):
    """Qualities, styles and backgrounds are taken and mean nothing."""

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    n: Annotated[int, Field(ge=1, le=4)] | None = None
    size: str | None = None
    response_format: Literal["b64_json", "url"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    stream: bool | None = None

    @property
    def form(self) -> str:
        return self.output_format or "png"


async def generations(request: Request) -> JSONResponse:
    body = await json_body(request, ImageBody)
    size = _size(body) or _USUAL

    def painted() -> tuple[bytes, Size]:
        from apps.providers.local.chat import picture_edits  # noqa: PLC0415 - loads OpenCV

        return picture_edits.illustrated(body.prompt, size, body.form), size

    return await _made(request, body, painted)


async def edits(request: Request) -> JSONResponse:
    """Of the first image; the others, which elsewhere are examples, would not be looked at."""
    sent = await form(request)
    try:
        body = fields(sent, ImageBody)
        images, masks = await files(sent, "image"), await files(sent, "mask")
    finally:
        await sent.close()
    size = _size(body)
    if len(images) != 1:
        raise ApiError("Send one image.", param="image")

    def changed() -> tuple[bytes, Size]:
        from apps.providers.local.chat import picture_edits  # noqa: PLC0415 - loads OpenCV

        mask = masks[0] if masks else None
        return picture_edits.edited(body.prompt, images[0], mask, size, body.form)

    return await _made(request, body, changed)


def _size(body: ImageBody) -> Size | None:
    """What was asked for, after everything else of the request was looked at."""
    if body.model != MODEL:
        raise no_model(body.model)
    if body.response_format == "url":
        raise unsupported("Pictures are answered as b64_json only.", "response_format")
    if body.stream:
        raise unsupported("Pictures cannot be streamed.", "stream")
    if body.size in (None, "auto"):
        return None
    found = _SIZE.fullmatch(body.size or "")
    sides = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(_SMALLEST <= side <= _LARGEST for side in sides):
        raise unsupported(
            f"size must be auto or WIDTHxHEIGHT with sides from {_SMALLEST} to {_LARGEST}.", "size"
        )
    return sides


async def _made(
    request: Request, body: ImageBody, make: Callable[[], tuple[bytes, Size]]
) -> JSONResponse:
    data: list[dict[str, Any]] = []
    async with while_wanted(request.receive):
        for _ in range(body.n or 1):
            picture, size = await _bench.run(make)
            data.append({"b64_json": base64.b64encode(picture).decode()})
    return JSONResponse(
        {
            "created": int(time.time()),
            "data": data,
            "output_format": body.form,
            "size": f"{size[0]}x{size[1]}",
        }
    )
