"""Running a task on the local engine: inputs to bytes, engine, results to files."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.catalog.inputs import TaskInput, media_in
from apps.catalog.spec import Route, TaskSpec
from apps.core import media
from apps.files.models import StoredFile
from apps.files.services import media as media_files
from apps.files.services import store
from apps.providers.local import registry as engine
from apps.providers.local.base import LocalResult
from apps.tasks.models import Attempt, Task
from apps.tasks.policies import outputs_expire_at
from apps.tasks.services import claims, previews, results
from apps.tasks.services.claims import Claim
from apps.tasks.services.finish import Result
from apps.tasks.services.results import Copy

_PROGRESS_SECONDS = 1.0


@dataclass(frozen=True)
class Finished:
    """The result, already in storage, and the files it is made of."""

    result: Result
    files: list[StoredFile]

    def discard(self) -> None:
        """The claim was lost: somebody else's result counts, ours must not stay."""
        store.discard(self.files)


def run(claimed: Claim, *, spec: TaskSpec, route: Route) -> Finished:
    """Raises MediaUnavailable, LocalEngineError and its kinds, CannotRead or CannotStore. Holds no transaction."""
    values = spec.parse(claimed.task.input)
    given = {_name(found.path): _bytes_of(found.value) for found in media_in(values)}
    sent = {**_plain(values), "task_type": claimed.task.task_type}
    if claimed.task.parent_id is not None:
        sent["parent"], picture = _parent(claimed.task, claimed.task.parent_id)
        given |= {"parent": picture} if picture is not None else {}
    made = engine.run(route.job, input=sent, media=given, progress=_Progress(claimed))
    return _stored(claimed, spec, made)


def _name(path: tuple[str | int, ...]) -> str:
    """The field; of a list each place by itself: "image_urls.0"."""
    return ".".join(str(step) for step in path)


def _bytes_of(value: str) -> bytes:
    return media_files.fetch(url=value) if media.is_url(value) else media.inline_bytes(value)


def _plain(values: TaskInput) -> dict[str, Any]:
    held = {found.path[0] for found in media_in(values)}
    return {name: value for name, value in values.model_dump().items() if name not in held}


def _parent(task: Task, parent_id: uuid.UUID) -> tuple[dict[str, Any], bytes | None]:
    """What the engine knows of the task that this one continues, and its picture."""
    parent = Task.objects.of(task.workspace_id).get(pk=parent_id)
    attempt = parent.attempts.filter(state=Attempt.State.SUCCEEDED).first()
    url = parent.output.get("image_url") if isinstance(parent.output, dict) else None
    facts = attempt.facts if attempt is not None else {}
    return facts, media_files.fetch(url=url) if url else None


def _stored(claimed: Claim, spec: TaskSpec, made: LocalResult) -> Finished:
    came = {
        artefact.key: Copy(artefact.data, artefact.content_type, artefact.extension)
        for artefact in made.artefacts
    }
    copies = results.completed(spec, made.values, came)
    files = dict(zip(copies, _announced(claimed, spec, copies), strict=True))
    try:
        for name, file in files.items():
            store.write(file, copies[name].data)
    except BaseException:
        store.discard(list(files.values()))
        raise
    urls = {name: store.url_of(file) for name, file in files.items()}
    output = results.shown(spec, {**made.values, "engine": made.engine}, urls, {})
    return Finished(
        Result(output=output, engine=made.engine, facts=dict(made.facts)), list(files.values())
    )


def _announced(claimed: Claim, spec: TaskSpec, copies: Mapping[str, Copy]) -> list[StoredFile]:
    task = claimed.task
    expires_at = outputs_expire_at(task)
    return store.announce(
        [
            store.Announcement(
                workspace_id=task.workspace_id,
                task_id=task.id,
                content_type=copy.content_type,
                extension=copy.extension,
                size=len(copy.data),
                expires_at=expires_at,
                folder=results.PASSING if results.is_crop(name) else "",
                name=results.file_name(spec, {}, name=name, task_id=task.id),
            )
            for name, copy in copies.items()
        ]
    )


class _Progress:
    """Writes progress at most once a second."""

    def __init__(self, claimed: Claim) -> None:
        self._claimed = claimed
        self._next = 0.0

    def __call__(self, percent: int, preview: bytes | None = None) -> None:
        if preview is not None:
            previews.show(self._claimed, percent, preview)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            claims.report_progress(self._claimed, percent)
