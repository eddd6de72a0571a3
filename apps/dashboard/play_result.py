"""What the playground and a shared page show of a task's result."""

import orjson
from django.utils.translation import gettext as _

from apps.accounts.selectors import Identity
from apps.catalog import pricing, registry
from apps.dashboard import follow_ups, viewer
from apps.dashboard.follow_ups import Action
from apps.tasks.models import Status, Task
from apps.tasks.presentation import output_of


def result(task: Task, *, sees_input: bool) -> dict[str, object]:
    """What `play/_viewer.html` needs. Without `sees_input` nothing of it tells what was asked for: an output may repeat
    it in its facts, and its JSON is shown only where there is nothing else."""
    shown = viewer.shown(task)
    is_whole = sees_input or not (shown.files or shown.texts)
    return {
        "shown": shown,
        "sources": viewer.sources(task) if sees_input else [],
        "alt": _alt(task) if sees_input else _("Result"),
        "facts": shown.facts if is_whole else [],
        "output_json": _json(task) if is_whole else "",
    }


def _alt(task: Task) -> str:
    prompt = task.input.get("prompt")
    return prompt if isinstance(prompt, str) and prompt else _("Result")


def _json(task: Task) -> str:
    if task.status != Status.COMPLETED:
        return ""
    return orjson.dumps(output_of(task), option=orjson.OPT_INDENT_2).decode()


def actions(task: Task, *, identity: Identity) -> list[tuple[Action, str]]:
    """What can be done with the result, each with "from" what it costs here; "" where that is not known."""
    return [
        (action, _rate(action, identity=identity))
        for action in [*follow_ups.actions(task), *follow_ups.uses(task)]
    ]


def _rate(action: Action, *, identity: Identity) -> str:
    spec = registry.all_specs().get((action.model, action.task_type))
    if spec is None:
        return ""
    points = pricing.rates_for(spec=spec, workspace_id=identity.workspace_id, plan=identity.plan)
    return str(min(points.values())) if points else ""
