"""One task's page in order: everything that happened, what was asked for, and where the request came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext

from apps.catalog import registry
from apps.core import media
from apps.dashboard import story
from apps.dashboard.story import Step
from apps.dashboard.task_words import told
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.tasks.models import FailureCode, Retention, Status, Task
from apps.tasks.policies import PRIVATE

# The same in every language.
_WEBHOOK = "Webhook"
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
        in_line = _("number {place} in line").format(place=place)
        steps.append(_step(task.created_at, _("Staged"), in_line, "idle"))
    if files:
        size = _size(sum(file.size for file in files))
        kept = ngettext("{count} file, {size}", "{count} files, {size}", len(files))
        kept = kept.format(count=len(files), size=size)
        steps.append(_step(files[-1].created_at, _("Saved"), kept, "run"))
    for delivery in deliveries:
        steps += _tries(delivery)
    endings = story.endings()
    return _spaced(sorted(steps, key=lambda step: (_phase(step, task.ended_at, endings), step.at)))


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
        answer = f"HTTP {code}" if code else told(str(line.get("error") or "")) or _("no answer")
        detail = _("{event}, try {number}: {answer}, {milliseconds} ms").format(
            event=delivery.kind, number=number, answer=answer, milliseconds=line.get("ms", 0)
        )
        found.append(_step(at, _WEBHOOK, detail, "ok" if is_taken else "bad"))
    return found


def _phase(step: Step, ended_at: datetime | None, endings: set[str]) -> int:
    if step.title in endings:
        return 1
    is_told_later = step.title == _WEBHOOK and ended_at is not None and step.at >= ended_at
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
    return [_field(_(titles.get(name, "")), name, task.input[name]) for name in names]


def _field(title: str, name: str, value: Any) -> Field:
    title = title or name.replace("_", " ").capitalize()
    if isinstance(value, str) and media.is_url(value):
        is_ours = value.startswith(f"{settings.FILES_BASE_URL}/")
        is_picture = is_ours and urlsplit(value).path.lower().endswith(_PICTURES)
        return Field(title, name, value, value, is_picture)
    return Field(title, name, _text(value)[:_LONGEST_VALUE])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict | list):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return _("none") if value is None else str(value)


def input_json(task: Task) -> str:
    return orjson.dumps(task.input, option=orjson.OPT_INDENT_2).decode()


_KEPT: dict[str, str] = {
    Retention.HOUR: gettext_noop("One hour"),
    Retention.DAY: gettext_noop("One day"),
    Retention.PLAN: gettext_noop("As long as the plan says"),
    Retention.YEAR: gettext_noop("One year"),
}


def facts(task: Task, *, sees_content: bool, sees_secrets: bool) -> list[tuple[str, str]]:
    """Where the request came from and what was asked besides the input.

    What customers made up (keys, addresses) may hold secrets: addresses are cut to their host, unless the role may run
    tasks.
    """
    found = [
        (pgettext("task", "Made by"), _maker(task)),
        (pgettext("team", "Person"), task.created_by.email if task.created_by else ""),
        (_("Pool"), _("Own accounts") if task.service_mode == PRIVATE else _("Pay-per-use")),
        (pgettext("task", "Speed"), task.process_mode or task.asked_mode),
        (_("Version"), task.model_version),
        (_("Client reference"), task.client_reference),
        (_("Files are kept"), _(_KEPT[task.retention])),
        (_("Deadline"), _deadline(task)),
    ]
    if sees_content:
        found += [
            (_("Idempotency key"), getattr(task, "idempotency_key", None) or ""),
            (_WEBHOOK, _endpoint(task.webhook_endpoint, sees_secrets=sees_secrets)),
        ]
    return [(name, value) for name, value in found if value]


def _maker(task: Task) -> str:
    key = task.api_key
    if key is None:
        return _("The dashboard")
    return _("API key {name} ({masked})").format(name=key.name, masked=key.masked)


def _deadline(task: Task) -> str:
    if not task.deadline_seconds:
        return ""
    return _("{seconds} s after creation").format(seconds=task.deadline_seconds)


def _endpoint(url: str, *, sees_secrets: bool) -> str:
    if not url or sees_secrets:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"


_FAILURES: dict[int, str] = {
    FailureCode.NONE: gettext_noop("none"),
    FailureCode.PROVIDER_FAILED: gettext_noop("provider failed"),
    FailureCode.PROVIDER_TIMEOUT: gettext_noop("provider timeout"),
    FailureCode.PROVIDER_MODERATED: gettext_noop("provider moderated"),
    FailureCode.ACCOUNT_UNAVAILABLE: gettext_noop("account unavailable"),
    FailureCode.CANCELLED: gettext_noop("cancelled"),
    FailureCode.OUTPUT_UNAVAILABLE: gettext_noop("output unavailable"),
    FailureCode.INTERNAL_ERROR: gettext_noop("internal error"),
}


def error_name(task: Task) -> str:
    """ "11002, provider moderated"; empty where nothing failed."""
    name = _FAILURES.get(task.error_code)
    if not name or task.status != Status.FAILED:
        return ""
    return _("{code}, {name}").format(code=task.error_code, name=_(name))
