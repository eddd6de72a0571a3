"""What a finished task has to show, read from its public output."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.core import media
from apps.tasks.models import Status, Task
from apps.tasks.presentation import output_of

_KINDS = {
    "image": ("png", "jpg", "jpeg", "webp", "gif", "bmp"),
    "video": ("mp4", "webm", "mov"),
    "audio": ("mp3", "wav", "ogg", "flac", "m4a"),
    "3d": ("glb", "gltf", "obj", "ply", "stl", "zip"),
}
_BY_EXTENSION = {extension: kind for kind, known in _KINDS.items() for extension in known}
# Outputs repeat a file under several names, and hold addresses that are not results.
_MOST = 24


@dataclass(frozen=True)
class Artefact:
    """One file of the output. `is_ours`: it lies on our files host, so the page may embed it."""

    key: str
    kind: str
    url: str
    is_ours: bool

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def path(self) -> str:
        """Its key, where the file is ours."""
        return self.url.removeprefix(f"{settings.FILES_BASE_URL}/")

    @property
    def is_picture(self) -> bool:
        return self.is_ours and self.kind == "image"

    @property
    def is_glb(self) -> bool:
        """The one kind of 3D file that holds all that is needed to show it in a page."""
        return self.name.lower().endswith(".glb")

    @property
    def label(self) -> str:
        return self.key.removesuffix("_url").removesuffix("_urls").replace("_", " ")


@dataclass(frozen=True)
class Shown:
    """Files, texts and plain facts of an output, in its own order."""

    files: list[Artefact]
    texts: list[tuple[str, str]]
    facts: list[tuple[str, str]]

    @property
    def pictures(self) -> list[Artefact]:
        """Images that a page may embed."""
        return [file for file in self.files if file.is_picture]

    @property
    def others(self) -> list[Artefact]:
        return [file for file in self.files if not file.is_picture]


def sources(task: Task) -> list[Artefact]:
    """The pictures that the task was given, where they lie on our files host: to compare a result with."""
    found = {
        value: _artefact(key, value)
        for key, value in _leaves("", task.input)
        if isinstance(value, str) and media.is_url(value)
    }
    return [file for file in found.values() if file.is_picture][:_MOST]


def shown(task: Task) -> Shown:
    """Nothing before the task is completed: an unfinished output only has empty places."""
    if task.status != Status.COMPLETED:
        return Shown([], [], [])
    output = output_of(task)
    leaves = list(_leaves("", output))
    strings = [(key, value) for key, value in leaves if isinstance(value, str) and value]
    urls = dict.fromkeys((value, key) for key, value in strings if media.is_url(value))
    files = {url: _artefact(key, url) for url, key in reversed(urls)}
    return Shown(
        files=[files[url] for url in dict.fromkeys(url for url, _ in urls)][:_MOST],
        texts=_texts(output),
        facts=_facts(output),
    )


def _artefact(key: str, url: str) -> Artefact:
    extension = urlsplit(url).path.rpartition(".")[2].lower()
    is_ours = url.startswith(f"{settings.FILES_BASE_URL}/")
    return Artefact(key, _BY_EXTENSION.get(extension, "file"), url, is_ours)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every plain value with the name of the field it stands in."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(key, item)
    else:
        yield key, value


def _is_text(key: str) -> bool:
    return key in {"text", "caption", "description", "lyrics", "transcript"}


def _texts(output: Any) -> list[tuple[str, str]]:
    """Only what stands at the top: parts of it, such as lines with their places, repeat it."""
    if not isinstance(output, dict):
        return []
    return [
        (name, value)
        for name, value in output.items()
        if _is_text(name) and isinstance(value, str) and value and not media.is_url(value)
    ]


def _facts(output: Any) -> list[tuple[str, str]]:
    if not isinstance(output, dict):
        return []
    return [
        (name.replace("_", " "), str(value))
        for name, value in output.items()
        if isinstance(value, str | int | float)
        and not isinstance(value, bool)
        and value != ""
        and not media.is_url(str(value))
        and not _is_text(name)
        and len(str(value)) <= 100
    ]
