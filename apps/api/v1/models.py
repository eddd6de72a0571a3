"""GET /api/v1/models: everything that can be asked for, with its input, price and whether it can be had now."""

from functools import cache
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.selectors import Identity
from apps.api.openapi import operations
from apps.api.views import ApiView, answer
from apps.byoa import selectors as byoa
from apps.catalog import pricing, registry
from apps.catalog.spec import TaskSpec
from apps.core.money import POINTS_PER_USD


class ModelList(ApiView):
    """Open to all; with a key it shows the prices of that key's workspace."""

    scope = "tasks"
    open_to_all = True
    operations: ClassVar[dict[str, Any]] = {"get": operations.LIST_MODELS}

    def get(self, request: Request) -> Response:
        identity: Identity | None = request.auth  # type: ignore[assignment]
        return answer([_model_data(spec, identity) for spec in registry.all_specs().values()])


def _model_data(spec: TaskSpec, identity: Identity | None) -> dict[str, Any]:
    return {
        "model": spec.model,
        "task_type": spec.task_type,
        "family": spec.family,
        "title": spec.title,
        "summary": spec.summary,
        "output": spec.kind.value,
        "input_schema": _input_schema(spec.name),
        "example": spec.example,
        "price": {"currency": "USD", "rates": _rates(spec, identity)},
        "modes": list(spec.modes),
        "plan": spec.plan.value,
        "available": byoa.is_available(spec),
    }


def _rates(spec: TaskSpec, identity: Identity | None) -> list[dict[str, str]]:
    points = pricing.rates_for(
        spec=spec,
        workspace_id=identity.workspace_id if identity else None,
        plan=identity.plan if identity else "",
    )
    return [
        {
            "rate": rate.name,
            "unit": rate.unit,
            "usd": f"{(points[rate.name] / POINTS_PER_USD).normalize():f}",
            "points_per_unit": f"{points[rate.name].normalize():f}",
        }
        for rate in spec.rates
    ]


@cache
def _input_schema(name: tuple[str, str]) -> dict[str, Any]:
    return registry.all_specs()[name].input.model_json_schema()
