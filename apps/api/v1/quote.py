"""POST /api/v1/task/quote: what a task would cost, before anything is created or held."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api import parsing
from apps.api.openapi import operations
from apps.api.v1 import requests
from apps.api.views import ApiView, answer, identity_of
from apps.billing import selectors as billing
from apps.byoa import selectors as byoa
from apps.catalog.pricing import Quote
from apps.core import money
from apps.tasks.services import penalties
from apps.tasks.services.request import Prepared, prepare


class TaskQuote(ApiView):
    """Takes the body of a create and answers with its price."""

    scope = "tasks"
    operations: ClassVar[dict[str, Any]] = {"post": operations.QUOTE_TASK}

    def post(self, request: Request) -> Response:
        identity = identity_of(request)
        received = requests.task_request(parsing.json_object(request._request))
        prepared = prepare(identity=identity, request=received)
        quote = penalties.expected(identity=identity, prepared=prepared)
        available = billing.wallet(workspace_id=identity.workspace_id).available
        return answer(_quote_data(prepared, quote, available))


def _quote_data(prepared: Prepared, quote: Quote, available_points: int) -> dict[str, Any]:
    spec, points = prepared.spec, quote.points
    return {
        "model": spec.model,
        "task_type": spec.task_type,
        "points": points,
        "usd": f"{money.usd(points).normalize():f}",
        "credits": f"{money.display_credits(points):f}",
        "lines": quote.as_json(),
        "available": byoa.is_available(spec),
        "balance": {
            "available_points": available_points,
            "sufficient": available_points >= points,
        },
        "process_mode": prepared.asked_mode,
    }
