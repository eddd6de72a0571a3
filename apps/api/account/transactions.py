"""GET /api/v1/account/transactions: the ledger, line by line."""

import re
import uuid
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import operations
from apps.api.openapi.account import TRANSACTION_KINDS
from apps.api.v1 import queries
from apps.api.views import ApiView, answer, identity_of
from apps.billing.selectors import transactions as ledger
from apps.billing.selectors.transactions import Line, LineFilter
from apps.core.errors import InvalidRequest
from apps.core.money import usd
from apps.tasks.presentation import time_text

_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_NUMBER = re.compile(r"[0-9]{1,18}")


class TransactionList(ApiView):
    """Free. Holds are lines of their own here; the task's settlement has the same reference."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"get": operations.LIST_TRANSACTIONS}

    def get(self, request: Request) -> Response:
        query = request._request.GET
        workspace_id = identity_of(request).workspace_id
        wanted, limit, after = _filter(query), _limit(query), _cursor(query)
        span = ledger.span(
            workspace_id=workspace_id,
            since=queries.instant(query, "from"),
            until=queries.instant(query, "to"),
        )
        page = ledger.page(
            workspace_id=workspace_id, filter=wanted, limit=limit, span=span, after=after
        )
        return answer(
            {
                "items": [_item(line) for line in page.lines],
                "next_cursor": None if page.next is None else str(page.next),
                "opening_points": span.opening,
                "closing_points": span.closing,
            }
        )


def _item(line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "id": entry.pk,
        "created_at": time_text(entry.created_at),
        "kind": entry.kind.lower(),
        "reference": entry.reference,
        "task_id": _task_id(entry.reference),
        "api_key": entry.api_key.masked if entry.api_key else "",
        "points": line.amount,
        "usd": f"{usd(line.amount):f}",
        "available_change": entry.available_delta,
        "held_change": entry.held_delta,
        "debt_change": entry.debt_delta,
        "balance_points": line.balance,
        "available_points": entry.available_after,
        "held_points": entry.held_after,
        "note": line.note,
    }


def _task_id(reference: str) -> str | None:
    family, _, rest = reference.partition(":")
    found = _uuid(rest) if family == "task" else None
    return None if found is None else str(found)


def _filter(query: QueryDict) -> LineFilter:
    kind, task = query.get("kind", ""), query.get("task_id", "")
    if kind and kind not in TRANSACTION_KINDS:
        raise InvalidRequest.field("kind", f"Give one of {', '.join(TRANSACTION_KINDS)}.")
    task_id = _uuid(task)
    if task and task_id is None:
        raise InvalidRequest.field("task_id", "Give the id of a task.")
    return LineFilter(
        kind=kind.upper(), reference=f"task:{task_id}" if task_id else "", is_folded=False
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _limit(query: QueryDict) -> int:
    text = query.get("limit", "")
    if not text:
        return _DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _MAX_LIMIT:
        raise InvalidRequest.field("limit", f"Give a number from 1 to {_MAX_LIMIT}.")
    return int(text)


def _cursor(query: QueryDict) -> int | None:
    text = query.get("cursor", "")
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest.field("cursor", "Give next_cursor of an earlier answer, unchanged.")
    return int(text)
