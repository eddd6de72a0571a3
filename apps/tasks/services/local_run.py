"""Running a task on the local engine: inputs to bytes, engine, results to files."""

import time
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
from apps.tasks.policies import outputs_expire_at
from apps.tasks.services import claims
from apps.tasks.services.claims import Claim
from apps.tasks.services.finish import Result

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
    """Raises MediaUnavailable, LocalEngineError and its kinds, or CannotStore. Holds no transaction."""
    values = spec.parse(claimed.task.input)
    media_bytes = {str(found.path[0]): _bytes_of(found.value) for found in media_in(values)}
    made = engine.run(
        route.job, input=_plain(values), media=media_bytes, progress=_Progress(claimed)
    )
    return _stored(claimed, made)


def _bytes_of(value: str) -> bytes:
    return media_files.fetch(url=value) if media.is_url(value) else media.inline_bytes(value)


def _plain(values: TaskInput) -> dict[str, Any]:
    held = {found.path[0] for found in media_in(values)}
    return {name: value for name, value in values.model_dump().items() if name not in held}


def _stored(claimed: Claim, made: LocalResult) -> Finished:
    task = claimed.task
    files: list[StoredFile] = []
    output: dict[str, Any] = dict(made.values)
    try:
        for artefact in made.artefacts:
            file = store.keep(
                workspace_id=task.workspace_id,
                kind=StoredFile.Kind.OUTPUT,
                content=store.Content(artefact.data, artefact.content_type, artefact.extension),
                expires_at=outputs_expire_at(task),
                task_id=task.id,
            )
            files.append(file)
            output[artefact.key] = store.url_of(file)
    except BaseException:
        store.discard(files)
        raise
    output["engine"] = made.engine
    return Finished(Result(output=output, engine=made.engine), files)


class _Progress:
    """Writes progress at most once a second."""

    def __init__(self, claimed: Claim) -> None:
        self._claimed = claimed
        self._next = 0.0

    def __call__(self, percent: int, preview: bytes | None = None) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            claims.report_progress(self._claimed, percent)
