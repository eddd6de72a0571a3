"""Who may call what."""

from apps.accounts.policies import plan_includes
from apps.catalog.spec import TaskSpec
from apps.core.errors import PlanRequired


def check_plan(*, spec: TaskSpec, plan: str) -> None:
    """Raises PlanRequired when the plan does not include the spec."""
    if not plan_includes(plan, spec.plan):
        raise PlanRequired(
            f"{spec.model} {spec.task_type} is available from the {spec.plan.label} plan up.",
            detail={"plan": plan, "needed_plan": spec.plan.value},
        )
