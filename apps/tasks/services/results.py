"""From the files that a provider or the engine made to what a task shows: formats made one, grids cut into pictures."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from apps.catalog.spec import TaskSpec
from apps.core import media
from apps.core.sentences import sentence

_PICTURE = "image_url"
_CROPS = ("crop:0", "crop:1", "crop:2", "crop:3")
# Of crops: they live with the other passing files.
PASSING = "temp"


class CannotRead(Exception):
    """A picture of the result cannot be opened."""


@dataclass(frozen=True)
class Copy:
    """A result file as it came: its bytes and what they really are."""

    data: bytes = field(repr=False)
    content_type: str
    extension: str


def is_crop(name: str) -> bool:
    return name in _CROPS


def completed(
    spec: TaskSpec, output: Mapping[str, Any], copies: Mapping[str, Copy]
) -> dict[str, Copy]:
    """The files with those that the spec promises beyond what came. Takes time; asks no database. Raises CannotRead.

    `copies` are by the provider's address, or by the output's field where they came as bytes.
    """
    found = dict(copies)
    name = output.get(_PICTURE, _PICTURE)
    if not spec.is_named_by_task or name not in found:
        return found
    picture = _opened(found[name])
    if found[name].content_type != "image/png":
        found[name] = _png(picture)
    if spec.is_grid:
        found |= dict(zip(_CROPS, _quarters(picture), strict=True))
    return found


def file_name(spec: TaskSpec, output: Mapping[str, Any], *, name: str, task_id: object) -> str:
    """What the stored file is called; empty: nothing in particular."""
    is_picture = name == output.get(_PICTURE, _PICTURE)
    return str(task_id) if spec.is_named_by_task and is_picture else ""


def shown(
    spec: TaskSpec, output: Mapping[str, Any], urls: Mapping[str, str], links: Mapping[str, str]
) -> dict[str, Any]:
    """The public output: the provider's with our addresses for its files, and what the spec makes of it.

    `urls` are by the names of `completed`; `links` stay as the provider gave them.
    """
    made: dict[str, Any] = _with_ours(output, urls)
    for name, url in urls.items():
        if not media.is_url(name) and not name.startswith(("data:", "crop:")):
            _put(made, name, url)
    if _CROPS[0] in urls:
        made["temporary_image_urls"] = [urls[name] for name in _CROPS]
    made |= links
    return spec.shown(made) if spec.shown is not None else made


def _with_ours(value: Any, urls: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_ours(part, urls) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_ours(part, urls) for part in value]
    return urls.get(value, value) if isinstance(value, str) else value


def _put(output: dict[str, Any], path: str, url: str) -> None:
    """Set a field that dots lead to; a number is a place in a list."""
    step, _, rest = path.partition(".")
    output[step] = _with(output.get(step), rest, url) if rest else url


def _with(value: Any, path: str, url: str) -> Any:
    """The value with the field below it set."""
    step, _, rest = path.partition(".")
    target: Any = value if value is not None else [] if step.isdecimal() else {}
    if isinstance(target, list):
        place = int(step)
        target.extend([None] * (place + 1 - len(target)))
        target[place] = _with(target[place], rest, url) if rest else url
    else:
        target[step] = _with(target.get(step), rest, url) if rest else url
    return target


# --------------------------------------------------------------------------------- pictures
def _opened(copy: Copy) -> Image.Image:
    try:
        # By its header: what is too large is not decoded.
        media.check_pixels(copy.data)
        picture = Image.open(io.BytesIO(copy.data))
        picture.load()
    except (media.MediaError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise CannotRead(sentence("A picture of the result cannot be opened.")) from error
    return picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGB")


def _quarters(picture: Image.Image) -> list[Copy]:
    """Upper left, upper right, lower left, lower right."""
    width, height = picture.width // 2, picture.height // 2
    if not (width and height):
        raise CannotRead(sentence("The picture is too small to be a grid of four."))
    corners = [(x, y) for y in (0, height) for x in (0, width)]
    return [_png(picture.crop((x, y, x + width, y + height))) for x, y in corners]


def _png(picture: Image.Image) -> Copy:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return Copy(file.getvalue(), "image/png", "png")
