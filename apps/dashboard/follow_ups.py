"""What can be done with a finished picture or film: buttons that open the playground with the form filled in."""

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.byoa import selectors as byoa
from apps.catalog import registry
from apps.catalog.inputs import TaskInput
from apps.catalog.spec import TaskSpec
from apps.dashboard import viewer
from apps.tasks.models import Status, Task
from apps.tasks.presentation import output_of

_NUMBERED = re.compile(r"(upscale|variation)([1-4])")
_UPSCALER = re.compile(r"upscale_(light|beta|2x|4x|subtle|creative)")
_WORDS = {
    "upscale": gettext_noop("Take out {index}"),
    "variation": gettext_noop("Vary {index}"),
    "reroll": gettext_noop("Run the prompt again"),
    "high_variation": gettext_noop("Vary strongly"),
    "low_variation": gettext_noop("Vary subtly"),
    "inpaint": gettext_noop("Change a part"),
    "outpaint": gettext_noop("Zoom out"),
    "pan": gettext_noop("Continue to a side"),
}


@dataclass(frozen=True)
class Action:
    """A button: what it says, whose form it opens, and what is filled in."""

    label: str
    model: str
    task_type: str
    query: str


def actions(task: Task) -> list[Action]:
    """Those that the output names and that we know; none before it is completed."""
    output = output_of(task)
    if task.status != Status.COMPLETED or not isinstance(output, dict):
        return []
    named = output.get("actions") or []
    found = [_action(task, name) for name in named if isinstance(name, str)]
    return [action for action in found if action is not None]


def _action(task: Task, name: str) -> Action | None:
    if numbered := _NUMBERED.fullmatch(name):
        task_type, index = numbered.groups()
        return _made(task, _(_WORDS[task_type]).format(index=index), task_type, index)
    if upscaler := _UPSCALER.fullmatch(name):
        return _made(task, _("Enlarge ({how})").format(how=upscaler[1]), "upscale", upscaler[1])
    if name in ("high_variation", "low_variation"):
        return _made(task, _(_WORDS[name]), "variation", name)
    return _made(task, _(_WORDS[name]), name) if name in _WORDS else None


def _made(task: Task, label: str, task_type: str, index: str = "") -> Action:
    filled = {"origin_task_id": str(task.id)} | ({"index": index} if index else {})
    return Action(label, task.model, task_type, urlencode(filled))


# More is a wall of buttons; the list of models has them all.
_MOST_USES = 6


def uses(task: Task) -> list[Action]:
    """Models that can take the result further now: they need one file of its kind, and it is filled in."""
    files = [file for file in viewer.shown(task).files if file.is_ours]
    if not files:
        return []
    first = files[0]
    found: list[Action] = []
    for spec in registry.all_specs().values():
        name = _field_for(spec, first.kind)
        if name and spec.name != (task.model, task.task_type) and byoa.is_available(spec):
            query = urlencode({name: first.url})
            found.append(Action(_(spec.title), spec.model, spec.task_type, query))
    return found[:_MOST_USES]


def _field_for(spec: TaskSpec, kind: str) -> str:
    """The one field of that kind that the spec needs; "" where it needs none, or others too."""
    needed = _needed(spec.input)
    return needed[0][0] if [found for _name, found in needed] == [kind] else ""


@cache
def _needed(input: type[TaskInput]) -> list[tuple[str, str]]:
    """The required fields, each with its kind of media, "" for none. Kept: a schema takes a while to write."""
    schema = input.model_json_schema()
    return [
        (name, schema["properties"][name].get("x-media", "")) for name in schema.get("required", [])
    ]
