"""What was said in calls, for workspaces that want it kept: written once, cut to a size, gone after its days."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import audit
from apps.llm.models import CallContent

MOST_BYTES = 200_000
# Inline media says nothing to a reader and would push out what does.
_LONGEST_MEDIA = 200
_ROWS_AT_ONCE = 1000


def keep(
    call_id: uuid.UUID, workspace_id: int, request: Mapping[str, Any], answer: str, days: int
) -> None:
    """Keep what was asked and answered for so many days. Safe to repeat: the first time counts.

    Each is cut at `MOST_BYTES`, and pictures and sounds inside are left out.
    """
    asked = orjson.dumps(_without_media(request), option=orjson.OPT_INDENT_2, default=str)
    shown_request, is_request_cut = _cut(asked)
    shown_answer, is_answer_cut = _cut(answer.encode("utf-8", "replace"))
    CallContent.objects.bulk_create(
        [
            CallContent(
                call=call_id,
                workspace_id=workspace_id,
                request=shown_request,
                answer=shown_answer,
                is_cut=is_request_cut or is_answer_cut,
                expires_at=timezone.now() + timedelta(days=days),
            )
        ],
        ignore_conflicts=True,
    )


def forget() -> int:
    """Delete what has had its days; says how much that was. Safe to repeat, and twice at once."""
    rows = CallContent.objects.across_workspaces()
    total = 0
    while True:
        expired = rows.filter(expires_at__lte=timezone.now()).order_by("expires_at")
        ids = list(expired.values_list("pk", flat=True)[:_ROWS_AT_ONCE])
        total += rows.filter(pk__in=ids).delete()[0]
        if len(ids) < _ROWS_AT_ONCE:
            return total


@transaction.atomic
def forget_all_of(*, workspace_id: int, actor: User | None, ip: str | None) -> int:
    """Delete whatever is kept of a workspace now, and leave an audit event of it; says how much that was."""
    count = CallContent.objects.of(workspace_id).delete()[0]
    if count:
        audit(
            workspace_id=workspace_id,
            actor=actor,
            action="llm_content.deleted",
            target="LLM calls",
            ip=ip,
            detail={"calls": count},
        )
    return count


def _cut(data: bytes) -> tuple[str, bool]:
    # A character that was cut in half goes; PostgreSQL has no place for a zero byte.
    text = data[:MOST_BYTES].decode("utf-8", "ignore").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text, len(data) > MOST_BYTES


def _without_media(value: Any) -> Any:
    if isinstance(value, Mapping):
        shown = {name: _without_media(item) for name, item in value.items()}
        is_media = "data" in shown and ("format" in shown or "media_type" in shown)
        return {**shown, "data": "…"} if is_media else shown
    if isinstance(value, list | tuple):
        return [_without_media(item) for item in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > _LONGEST_MEDIA:
        return f"{value.partition(',')[0][:_LONGEST_MEDIA]},…"
    return value
