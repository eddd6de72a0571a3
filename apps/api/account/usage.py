"""GET /api/v1/account/usage: what ended and what it cost, by day, model or key."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import operations
from apps.api.openapi.account import USAGE_SPLITS
from apps.api.views import ApiView, answer, identity_of
from apps.core.errors import InvalidRequest
from apps.core.money import usd
from apps.tasks import selectors
from apps.tasks.selectors import SPLITS, Ended, Line

_DEFAULT_DAYS, _MAX_DAYS = 30, 366
_YEARS = range(2000, 2200)


class UsageReport(ApiView):
    """Free. The sums are those of the dashboard's usage page."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"get": operations.READ_USAGE}

    def get(self, request: Request) -> Response:
        query = request._request.GET
        workspace_id = identity_of(request).workspace_id
        by = query.get("by", "") or "day"
        if by not in USAGE_SPLITS:
            raise InvalidRequest.field("by", f"Give one of {', '.join(USAGE_SPLITS)}.")
        first, last = _days(query)
        total = selectors.spend(workspace_id=workspace_id, first=first, last=last)
        return answer(
            {
                "by": by,
                "from": first.isoformat(),
                "to": last.isoformat(),
                "items": [_item(line, by) for line in _lines(workspace_id, by, first, last)],
                "total": _numbers(total),
            }
        )


def _lines(workspace_id: int, by: str, first: date, last: date) -> list[Line]:
    split = next((one for one in SPLITS if one == by), None)
    if split is None:
        return selectors.spend_per_day(workspace_id=workspace_id, first=first, last=last)
    return selectors.spend_by(workspace_id=workspace_id, first=first, last=last, split=split)


def _item(line: Line, by: str) -> dict[str, Any]:
    return _subject(line, by) | _numbers(line.ended)


def _subject(line: Line, by: str) -> dict[str, Any]:
    match by:
        case "model":
            return {"model": line.name}
        case "key":
            return {"key_id": line.subject_id, "api_key": line.name}
        case _:
            return {"day": line.day.isoformat() if line.day else ""}


def _numbers(ended: Ended) -> dict[str, Any]:
    return {
        "completed": ended.completed,
        "failed": ended.failed,
        "cancelled": ended.cancelled,
        "charged_points": ended.charged_points,
        "refunded_points": ended.refunded_points,
        "points": ended.net_points,
        "usd": f"{usd(ended.net_points):f}",
        "run_seconds": f"{Decimal(ended.run_ms) / 1000:f}",
    }


def _days(query: QueryDict) -> tuple[date, date]:
    """First and last day, both included. Raises InvalidRequest."""
    last = _day(query, "to") or datetime.now(UTC).date()
    first = _day(query, "from") or last - timedelta(days=_DEFAULT_DAYS - 1)
    if last < first:
        raise InvalidRequest.field("from", "The first day is after the last.")
    if (last - first).days >= _MAX_DAYS:
        raise InvalidRequest.field("from", f"Ask for at most {_MAX_DAYS} days at once.")
    return first, last


def _day(query: QueryDict, name: str) -> date | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest.field(name, "Give a day as YYYY-MM-DD.") from None
    if day.year not in _YEARS:
        raise InvalidRequest.field(name, "Give a day of this century or the next.")
    return day
