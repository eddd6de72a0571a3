"""Who may call what, and with which words."""

import threading
import time

from apps.accounts.policies import plan_includes
from apps.catalog import registry
from apps.catalog.llm.model import UNITS_PRICED
from apps.catalog.llm.pricing import MINIMUM
from apps.catalog.llm.registry import llm_models
from apps.catalog.midjourney.banned_words import BannedWords
from apps.catalog.models import BannedWord
from apps.catalog.spec import TaskSpec
from apps.core.errors import PlanRequired
from apps.core.sentences import sentence


def check_plan(*, spec: TaskSpec, plan: str) -> None:
    """Raises PlanRequired when the plan does not include the spec."""
    if not plan_includes(plan, spec.plan):
        raise PlanRequired(
            sentence(
                "{model} {task_type} is available from the {plan} plan up.",
                model=spec.model,
                task_type=spec.task_type,
                plan=spec.plan.label,
            ),
            detail={"plan": plan, "needed_plan": spec.plan.value},
        )


def has_rate(*, model: str, task_type: str, rate: str) -> bool:
    """Whether a PriceOverride of these names changes what anything costs."""
    llm = llm_models().get(model)
    if llm is not None and llm.kind == task_type:
        return rate in UNITS_PRICED or rate == MINIMUM
    spec = registry.all_specs().get((model, task_type))
    return spec is not None and any(one.name == rate for one in spec.rates)


# Looked up for every prompt, changed rarely; every process reads the list anew after this long.
_KEPT_SECONDS = 2.0
_kept: tuple[float, BannedWords] = (0.0, BannedWords())
_lock = threading.Lock()


def banned_words() -> BannedWords:
    """The enabled ones, prepared for `prompt_check.check`; a change shows within two seconds."""
    global _kept
    until, found = _kept
    if time.monotonic() < until:
        return found
    with _lock:
        enabled = BannedWord.objects.filter(is_enabled=True)
        found = BannedWords.of(enabled.values_list("word", flat=True))
        _kept = (time.monotonic() + _KEPT_SECONDS, found)
    return found


def forget_banned_words() -> None:
    """Read the list again at the next prompt (tests, and the process that changed it)."""
    global _kept
    _kept = (0.0, BannedWords())
