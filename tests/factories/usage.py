from datetime import datetime
from typing import Any

from apps.accounts.models import Workspace
from apps.tasks.models import UsageSlice
from apps.tasks.selectors import histogram

_COUNTS = tuple(
    one.name
    for one in UsageSlice._meta.fields
    if one.default is not list and one.name not in {"id", "workspace", "starts_at"}
)


def slice_of(
    workspace: Workspace, *, starts_at: datetime, is_day: bool = True, **values: Any
) -> UsageSlice:
    """What ended of a model in a day, or without `is_day` in a quarter of an hour; nothing unless `values` say more."""
    usual = {**dict.fromkeys(_COUNTS, 0), "model": "flux", "pool": "public", "is_call": False}
    return UsageSlice.objects.create(
        workspace=workspace, **{**usual, "starts_at": starts_at, "is_day": is_day, **values}
    )


def took(ms: int, count: int = 1) -> dict[str, list[int]]:
    """So many that took so long."""
    number = sum(ms >= bound for bound in histogram.BOUNDS_MS)
    return {"total_bins": [number], "total_counts": [count]}
