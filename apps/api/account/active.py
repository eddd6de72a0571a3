"""GET /account/active_tasks: what is under way, by family."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.openapi import operations
from apps.api.views import ApiView, answer, identity_of
from apps.tasks import selectors
from apps.tasks.models import UNFINISHED


class ActiveTasks(ApiView):
    """Free. Families without such tasks are left out; ids are oldest first, staged ones among them."""

    scope = "account"
    operations: ClassVar[dict[str, Any]] = {"get": operations.ACTIVE_TASKS}

    def get(self, request: Request) -> Response:
        families: dict[str, dict[str, Any]] = {}
        for one in selectors.unfinished(workspace_id=identity_of(request).workspace_id):
            family = families.setdefault(one.family, _nothing())
            family[f"{one.status}_count"] += 1
            family["active_tasks"].append(one.task_id)
        return answer(families)


def _nothing() -> dict[str, Any]:
    return {f"{status}_count": 0 for status in UNFINISHED} | {"active_tasks": []}
