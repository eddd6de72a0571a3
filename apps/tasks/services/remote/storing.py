"""Putting what came from a provider into our storage: rows first, then bytes, then the outcome that names them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from apps.catalog import registry
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.files.services import store
from apps.tasks.models import FailureCode, Task
from apps.tasks.policies import outputs_expire_at
from apps.tasks.services import results
from apps.tasks.services.remote.outcomes import Ended, Glimpse, Moved, Outcome, Ready, Stored
from apps.tasks.services.results import Copy

Files = dict[str, StoredFile]
# A picture of unfinished work is of no use for longer.
PREVIEW_HOURS = 24


def has_to_be(outcome: Outcome) -> bool:
    """Whether files of it are to be stored before anything is written."""
    return isinstance(outcome, Ready) or (isinstance(outcome, Glimpse) and not outcome.url)


def announced(outcomes: Sequence[Outcome]) -> list[tuple[Ready | Glimpse, Files]]:
    """The rows of all files, committed before the bytes are written: whatever a crash leaves is found and removed."""
    found = [one for one in outcomes if isinstance(one, Ready | Glimpse) and has_to_be(one)]
    if not found:
        return []
    ids = [outcome.due.task_id for outcome in found]
    tasks = Task.objects.across_workspaces().select_related("workspace").in_bulk(ids)
    names = [(outcome, name) for outcome in found for name in _copies(outcome)]
    rows = store.announce([_announcement(tasks[one.due.task_id], one, name) for one, name in names])
    files: dict[int, Files] = {outcome.due.id: {} for outcome in found}
    for (outcome, name), row in zip(names, rows, strict=True):
        files[outcome.due.id][name] = row
    return [(outcome, files[outcome.due.id]) for outcome in found]


def _copies(outcome: Ready | Glimpse) -> dict[str, Copy]:
    return outcome.copies if isinstance(outcome, Ready) else {"preview": outcome.copy}


def _announcement(task: Task, outcome: Ready | Glimpse, name: str) -> store.Announcement:
    copy = _copies(outcome)[name]
    made = store.Announcement(
        workspace_id=task.workspace_id,
        task_id=task.id,
        content_type=copy.content_type,
        extension=copy.extension,
        size=len(copy.data),
        expires_at=outputs_expire_at(task),
    )
    if isinstance(outcome, Glimpse):
        return replace(
            made,
            folder=results.PASSING,
            expires_at=timezone.now() + timedelta(hours=PREVIEW_HOURS),
        )
    spec = registry.spec_of(task.model, task.task_type)
    called = results.file_name(spec, outcome.done.output, name=name, task_id=task.id)
    return replace(made, name=called, folder=results.PASSING if results.is_crop(name) else "")


async def stored(outcome: Ready | Glimpse, files: Files) -> Outcome:
    """Write the bytes. Without its files a result is none, a glimpse is only news."""
    copies = _copies(outcome)
    try:
        for name, file in files.items():
            await asyncio.to_thread(store.write, file, copies[name].data)
    except store.CannotStore:
        return _not_stored(outcome, files)
    urls = {name: store.url_of(file) for name, file in files.items()}
    if isinstance(outcome, Glimpse):
        return replace(outcome, url=urls["preview"], files=list(files.values()))
    done = outcome.done
    spec = registry.spec_of(outcome.due.model, outcome.due.task_type)
    output = results.shown(spec, done.output, urls, done.links)
    return Stored(outcome.due, done, output, list(files.values()))


def _not_stored(outcome: Ready | Glimpse, files: Files) -> Outcome:
    if isinstance(outcome, Glimpse):
        return Moved(outcome.due, outcome.running)
    return Ended(
        outcome.due,
        FailureCode.OUTPUT_UNAVAILABLE,
        sentence("The result could not be stored. Nothing was charged."),
        cost_points=outcome.done.cost_points or 0,
        files=list(files.values()),
    )
