"""From whatever name of a task somebody has at hand to the task."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, Value

from apps.tasks.models import IdempotencyRecord, Task

_PREFIX = re.compile(r"[0-9a-f]{8,31}")
_DIGITS_OF_AN_ID = 32


@dataclass(frozen=True)
class Named:
    """The one task that is called so; or, where several carry it, that client reference."""

    task_id: uuid.UUID | None = None
    client_reference: str = ""


def named(*, workspace_id: int, text: str) -> Named | None:
    """By id, by its first eight or more digits, by client reference, by idempotency key. None: nothing is called so."""
    if not text:
        return None
    called = Task.objects.of(workspace_id).filter(_is_called(text)).values_list("pk")
    if by_id := _one(called[:2]):
        return by_id
    referring = Task.objects.of(workspace_id).filter(client_reference=text)
    records = IdempotencyRecord.objects.of(workspace_id).filter(key=text)
    both = referring.values_list("pk", Value("reference"))[:2].union(
        records.values_list("task_id", Value("key"))[:1], all=True
    )
    found = list(both)
    ids = [(task_id,) for task_id, kind in found if kind == "reference"]
    if len(ids) > 1:
        return Named(client_reference=text)
    return _one(ids) or _one((task_id,) for task_id, kind in found if kind == "key")


def _one(ids: Iterable[tuple[uuid.UUID]]) -> Named | None:
    found = list(ids)
    return Named(found[0][0]) if len(found) == 1 else None


def _is_called(text: str) -> Q:
    """As a range of the primary key: other workspaces' tasks in it are as good as none."""
    digits = text.lower().replace("-", "")
    if len(digits) == _DIGITS_OF_AN_ID and (whole := _uuid(digits)):
        return Q(pk=whole)
    if not _PREFIX.fullmatch(digits):
        return Q(pk__in=())
    first = uuid.UUID(digits.ljust(_DIGITS_OF_AN_ID, "0"))
    return Q(pk__gte=first, pk__lte=uuid.UUID(digits.ljust(_DIGITS_OF_AN_ID, "f")))


def _uuid(digits: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(digits)
    except ValueError:
        return None
