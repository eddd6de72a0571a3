"""One task's page in order: everything that happened, what was asked for, and where the request came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.utils.dateparse import parse_datetime

from apps.catalog import registry
from apps.core import media
from apps.dashboard import story
from apps.dashboard.story import Step
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.tasks.models import FailureCode, Retention, Status, Task
from apps.tasks.policies import PRIVATE

_LONGEST_VALUE = 2000
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def timeline(
    task: Task,
    *,
    place: int,
    files: Sequence[StoredFile],
    deliveries: Sequence[Delivery],
    sees_content: bool,
) -> list[Step]:
    """The task's own events with what belongs to them: its place in line, files stored, webhooks sent.

    In the order of time, but an end comes after what led to it and before what was told of it. Providers quote prompts
    in their errors, so these are for who sees content.
    """
    steps = [
        step if sees_content or step.tone != "bad" else replace(step, detail="")
        for step in story.timeline(task)
    ]
    if place:
        steps.append(_step(task.created_at, "Staged", f"number {place} in line", "idle"))
    if files:
        noun = "file" if len(files) == 1 else "files"
        kept = f"{len(files)} {noun}, {_size(sum(file.size for file in files))}"
        steps.append(_step(files[-1].created_at, "Saved", kept, "run"))
    for delivery in deliveries:
        steps += _tries(delivery)
    return _spaced(sorted(steps, key=lambda step: (_phase(step, task.ended_at), step.at)))


def _step(at: datetime, title: str, detail: str, tone: str) -> Step:
    return Step(at, title, detail, tone, None)


def _tries(delivery: Delivery) -> list[Step]:
    found = []
    for number, line in enumerate(delivery.log, 1):
        at = parse_datetime(str(line.get("at", "")))
        if at is None:
            continue
        code = line.get("status")
        is_taken = isinstance(code, int) and 200 <= code < 300
        answer = f"HTTP {code}" if code else line.get("error") or "no answer"
        detail = f"{delivery.kind}, try {number}: {answer}, {line.get('ms', 0)} ms"
        found.append(_step(at, "Webhook", detail, "ok" if is_taken else "bad"))
    return found


def _phase(step: Step, ended_at: datetime | None) -> int:
    if step.title in {"Completed", "Failed", "Cancelled"}:
        return 1
    is_told_later = step.title == "Webhook" and ended_at is not None and step.at >= ended_at
    return 2 if is_told_later else 0


def _spaced(steps: Sequence[Step]) -> list[Step]:
    spaced: list[Step] = []
    for step in steps:
        after = max(step.at - spaced[-1].at, timedelta()) if spaced else None
        spaced.append(replace(step, after=after))
    return spaced


def _size(count: int) -> str:
    if count < 1024 * 1024:
        return f"{max(1, round(count / 1024))} kB"
    return f"{count / 1024 / 1024:.1f} MB"


@dataclass(frozen=True)
class Field:
    """One line of an input. `url` where it is media, which a page may show when `is_picture`."""

    title: str
    name: str
    value: str
    url: str = ""
    is_picture: bool = False


def fields_of(task: Task) -> list[Field]:
    """The input as its form shows it: the form's fields in their order, then what else was given."""
    spec = registry.all_specs().get((task.model, task.task_type))
    known = spec.input.model_fields if spec is not None else {}
    place = {name: number for number, name in enumerate(known)}
    names = sorted(task.input, key=lambda name: (place.get(name, len(place)), name))
    titles = {name: field.title or "" for name, field in known.items()}
    return [_field(titles.get(name, ""), name, task.input[name]) for name in names]


def _field(title: str, name: str, value: Any) -> Field:
    title = title or name.replace("_", " ").capitalize()
    if isinstance(value, str) and media.is_url(value):
        is_ours = value.startswith(f"{settings.FILES_BASE_URL}/")
        is_picture = is_ours and urlsplit(value).path.lower().endswith(_PICTURES)
        return Field(title, name, value, value, is_picture)
    return Field(title, name, _text(value)[:_LONGEST_VALUE])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return "none" if value is None else str(value)


def input_json(task: Task) -> str:
    return orjson.dumps(task.input, option=orjson.OPT_INDENT_2).decode()


def facts(task: Task, *, sees_content: bool, sees_secrets: bool) -> list[tuple[str, str]]:
    """Where the request came from and what was asked besides the input.

    What customers made up (keys, addresses) may hold secrets: addresses are cut to their host, unless the role may run
    tasks.
    """
    key = task.api_key
    found = [
        ("Made by", f"API key {key.name} ({key.masked})" if key else "The dashboard"),
        ("Person", task.created_by.email if task.created_by else ""),
        ("Pool", "Own accounts" if task.service_mode == PRIVATE else "Pay-per-use"),
        ("Speed", task.process_mode or task.asked_mode),
        ("Version", task.model_version),
        ("Client reference", task.client_reference),
        ("Files are kept", Retention(task.retention).label),
        ("Deadline", f"{task.deadline_seconds} s after creation" if task.deadline_seconds else ""),
    ]
    if sees_content:
        found += [
            ("Idempotency key", getattr(task, "idempotency_key", None) or ""),
            ("Webhook", _endpoint(task.webhook_endpoint, sees_secrets=sees_secrets)),
        ]
    return [(name, value) for name, value in found if value]


def _endpoint(url: str, *, sees_secrets: bool) -> str:
    if not url or sees_secrets:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"


def error_name(task: Task) -> str:
    """ "11002, provider moderated"; empty where nothing failed."""
    if task.status != Status.FAILED or task.error_code not in FailureCode.values:
        return ""
    return f"{task.error_code}, {FailureCode(task.error_code).label.replace('_', ' ')}"
