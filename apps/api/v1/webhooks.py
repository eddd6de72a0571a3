"""/api/v1/webhooks/deliveries: how the telling went, and telling again."""

import re
import uuid
from typing import Any, ClassVar

from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import operations
from apps.api.views import ApiView, answer, identity_of
from apps.core.errors import InvalidRequest, NotFound
from apps.notifications import selectors
from apps.notifications.models import Delivery
from apps.notifications.services import replay
from apps.tasks.presentation import time_text

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
_CURSOR = re.compile(r"[0-9]{1,18}")


class DeliveryList(ApiView):
    """GET /api/v1/webhooks/deliveries."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {"get": operations.LIST_DELIVERIES}

    def get(self, request: Request) -> Response:
        query = request._request.GET
        page = selectors.newest_deliveries(
            workspace_id=identity_of(request).workspace_id,
            limit=_limit(query),
            after=_cursor(query),
            state=_state(query),
            subject=_subject(query),
        )
        return answer(
            {
                "items": [delivery_data(one) for one in page.items],
                "next_cursor": None if page.next is None else str(page.next),
            }
        )


class DeliveryReplay(ApiView):
    """POST /api/v1/webhooks/deliveries/{delivery_id}/replay."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {"post": operations.REPLAY_DELIVERY}

    def post(self, request: Request, delivery_id: str) -> Response:
        again = replay.replay(
            workspace_id=identity_of(request).workspace_id, event_id=_event_id(delivery_id)
        )
        return answer(delivery_data(again))


def delivery_data(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API shows it; neither the secret nor the body."""
    return {
        "delivery_id": str(delivery.event_id),
        "event_id": f"msg_{delivery.event_id.hex}",
        "sequence": delivery.pk,
        "task_id": delivery.subject.partition("task:")[2],
        "kind": delivery.kind,
        "endpoint": delivery.endpoint,
        "state": delivery.state.lower(),
        "attempts": delivery.attempts,
        "next_attempt_at": time_text(delivery.next_attempt_at),
        "occurred_at": time_text(delivery.occurred_at),
        "ended_at": time_text(delivery.ended_at),
        "log": delivery.log,
    }


def _limit(query: QueryDict) -> int:
    text = query.get("limit", "") or str(DEFAULT_LIMIT)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest.field("limit", f"Give a number from 1 to {MAX_LIMIT}.")
    return int(text)


def _cursor(query: QueryDict) -> int | None:
    text = query.get("cursor", "")
    if text and not _CURSOR.fullmatch(text):
        raise InvalidRequest.field("cursor", "Give next_cursor of an earlier answer, unchanged.")
    return int(text) if text else None


def _state(query: QueryDict) -> str:
    text = query.get("state", "")
    if text and text.upper() not in Delivery.State.values:
        names = ", ".join(state.lower() for state in Delivery.State.values)
        raise InvalidRequest.field("state", f"Give one of {names}.")
    return text.upper()


def _subject(query: QueryDict) -> str:
    text = query.get("task_id", "")
    if not text:
        return ""
    try:
        return f"task:{uuid.UUID(text)}"
    except ValueError:
        raise InvalidRequest.field("task_id", "Give the id of a task.") from None


def _event_id(text: str) -> uuid.UUID:
    # Receivers know it as `webhook-id`, and may hand that back.
    try:
        return uuid.UUID(text.removeprefix("msg_"))
    except ValueError:
        raise NotFound("There is no such delivery.") from None
