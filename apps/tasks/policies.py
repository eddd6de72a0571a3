"""What a task costs in the end, and how long its results are kept."""

from datetime import datetime, timedelta

from django.utils import timezone

from apps.accounts import plans
from apps.accounts import policies as accounts
from apps.accounts.models import Plan
from apps.core.errors import PlanRequired
from apps.core.sentences import sentence
from apps.tasks.models import Retention, Task

# The pools a task can run in: the operator's accounts, or the workspace's own.
PUBLIC, PRIVATE = "public", "private"
SLOW_MODE = "relax"


def cost_of(task: Task) -> int:
    """What a task that succeeded costs: its price, or that of the slow mode if it had to run in it."""
    had_to_wait = task.process_mode == SLOW_MODE != task.asked_mode
    if had_to_wait and task.relax_points is not None:
        return task.relax_points
    return task.price_points


_SPANS = {
    Retention.HOUR: timedelta(hours=1),
    Retention.DAY: timedelta(days=1),
    Retention.YEAR: timedelta(days=365),
}
# The lowest plan that may ask for it; what is not named here everybody may.
_NEEDED_PLANS = {Retention.YEAR: Plan.PREMIUM}


def outputs_expire_at(task: Task) -> datetime:
    """Until when a result that is stored now is kept: as the task asked, or as its workspace's terms say today."""
    span = _SPANS.get(Retention(task.retention))
    if span is None:
        span = timedelta(days=plans.terms_of_workspace(task.workspace).retention_days)
    return timezone.now() + span


def check_retention(*, retention: str, plan: str) -> None:
    """Raises PlanRequired when the plan does not include that retention."""
    needed = _NEEDED_PLANS.get(Retention(retention))
    if needed is not None and not accounts.plan_includes(plan, needed):
        raise PlanRequired(
            sentence("Keeping results for one year needs the {plan} plan.", plan=needed.label),
            detail={"needed_plan": str(needed), "field": "config.retention"},
        )
