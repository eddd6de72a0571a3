"""The calls of a workspace one by one: a list of them, and one with all its attempts.

A call stands for its last attempt: the one that answered, or the one after which nobody tried any more.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.core.tenancy import TenantQuerySet
from apps.llm.models import CallContent, Usage


@dataclass(frozen=True)
class CallFilter:
    """Empty and None mean all. `until` is exclusive; `is_by_person`: what was called without a key."""

    model: str = ""
    key_id: int | None = None
    is_by_person: bool = False
    end: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class CallPage:
    """Some calls, newest first; `next` is where the older ones begin, None at the end."""

    items: list[Usage]
    next: int | None


def newest_calls(
    *, workspace_id: int, limit: int, filter: CallFilter, before: int | None = None
) -> CallPage:
    """Last attempts of calls, newest first, `before` one that was given as `next`."""
    rows = _filtered(Usage.objects.of(workspace_id), filter)
    if before is not None:
        rows = rows.filter(id__lt=before)
    later = Usage.objects.of(workspace_id).filter(
        call=OuterRef("call"), number__gt=OuterRef("number")
    )
    found = list(
        rows.filter(~Exists(later)).select_related("api_key", "user").order_by("-id")[: limit + 1]
    )
    items = found[:limit]
    return CallPage(items, items[-1].pk if len(found) > limit else None)


def _filtered(rows: TenantQuerySet[Usage], filter: CallFilter) -> TenantQuerySet[Usage]:
    exact = {"model": filter.model, "api_key": filter.key_id, "end": filter.end}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filter.is_by_person:
        rows = rows.filter(api_key=None)
    if filter.since is not None:
        rows = rows.filter(created_at__gte=filter.since)
    if filter.until is not None:
        rows = rows.filter(created_at__lt=filter.until)
    return rows


def attempts_of(*, workspace_id: int, call_id: uuid.UUID) -> list[Usage]:
    """All attempts of a call, in their order. Raises NotFound."""
    rows = Usage.objects.of(workspace_id).filter(call=call_id)
    found = list(
        rows.select_related("api_key", "user", "account", "price").order_by("number", "id")
    )
    if not found:
        raise NotFound(sentence("There is no call {id}.", id=call_id))
    return found


def content_of(*, workspace_id: int, call_id: uuid.UUID, now: datetime) -> CallContent | None:
    """What was said in it, where that is kept and has not had its days."""
    return CallContent.objects.of(workspace_id).filter(call=call_id, expires_at__gt=now).first()
