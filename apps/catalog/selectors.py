"""Who may call what."""

from django.conf import settings

from apps.accounts.policies import plan_includes
from apps.catalog.spec import Route, TaskSpec
from apps.core.errors import PlanRequired
from apps.providers.local import registry as local_engine


def check_plan(*, spec: TaskSpec, plan: str) -> None:
    """Raises PlanRequired when the plan does not include the spec."""
    if not plan_includes(plan, spec.plan):
        raise PlanRequired(
            f"{spec.model} {spec.task_type} is available from the {spec.plan.label} plan up.",
            detail={"plan": plan, "needed_plan": spec.plan.value},
        )


def usable_route(spec: TaskSpec) -> Route | None:
    """The first route of the local engine that could take work now."""
    return next((route for route in spec.routes if _is_usable(route)), None)


def _is_usable(route: Route) -> bool:
    return route.provider == "local" and settings.LOCAL_ENGINE and local_engine.available(route.job)
