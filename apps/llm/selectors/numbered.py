"""The calls of a workspace by numbered pages, for clients that know no other."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from apps.llm.models import Usage

# So many have pages, and are counted.
MOST_NUMBERED = 10_000


@dataclass(frozen=True)
class NumberedCalls:
    """Calls by their last attempts, newest first, and how many there are in all, up to `MOST_NUMBERED`."""

    items: list[Usage]
    total: int


def numbered_calls(
    *,
    workspace_id: int,
    page: int,
    size: int,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> NumberedCalls:
    """A page (the first is 1). `created_after` is inclusive, `created_before` is not."""
    rows = Usage.objects.of(workspace_id)
    later = rows.filter(call=OuterRef("call"), number__gt=OuterRef("number"))
    rows = rows.filter(~Exists(later))
    if created_after is not None:
        rows = rows.filter(created_at__gte=created_after)
    if created_before is not None:
        rows = rows.filter(created_at__lt=created_before)
    rows = rows.order_by("-id")
    start = (page - 1) * size
    return NumberedCalls(list(rows[start : start + size]), rows[:MOST_NUMBERED].count())
