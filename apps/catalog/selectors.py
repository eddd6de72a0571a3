"""What can be called now."""

from django.conf import settings

from apps.accounts.policies import plan_includes
from apps.catalog.spec import Route, TaskSpec
from apps.core.errors import DomainError, PlanRequired
from apps.providers.local import registry as local_engine


class NoRoute(DomainError):
    """No account or engine can serve this model now; nothing was created or charged."""

    type = "no_route"


def usable_route(spec: TaskSpec) -> Route | None:
    """The first route that could take work now."""
    return next((route for route in spec.routes if _is_usable(route)), None)


def is_available(spec: TaskSpec) -> bool:
    return usable_route(spec) is not None


def required_route(spec: TaskSpec) -> Route:
    """The route to use. Raises NoRoute."""
    route = usable_route(spec)
    if route is None:
        raise NoRoute(
            f"No account can serve {spec.model} {spec.task_type} now. Nothing was created or charged.",
            retry_after=60,
        )
    return route


def check_plan(*, spec: TaskSpec, plan: str) -> None:
    """Raises PlanRequired when the plan does not include the spec."""
    if not plan_includes(plan, spec.plan):
        raise PlanRequired(
            f"{spec.model} {spec.task_type} is available from the {spec.plan.label} plan up.",
            detail={"plan": plan, "needed_plan": spec.plan.value},
        )


def _is_usable(route: Route) -> bool:
    return route.provider == "local" and settings.LOCAL_ENGINE and local_engine.available(route.job)
