"""How pages of tasks write what others do not have."""

from django import template

from apps.dashboard import task_words
from apps.dashboard.templatetags.dashboard import duration
from apps.tasks.models import Task

register = template.Library()

register.filter("in_words", task_words.told)


@register.filter
def took(task: Task) -> str:
    """ "2.0 s + 4.1 s": how long it waited, and how long it ran; "–" for what is not known yet."""
    begun = task.started_at or task.ended_at
    waited = duration(begun - task.created_at) if begun else "–"
    if task.started_at is None:
        return waited
    ran = duration(task.ended_at - task.started_at) if task.ended_at else "–"
    return f"{waited} + {ran}"


@register.filter
def indents(depth: int) -> str:
    """The class that moves a line of a tree in; beyond six steps it moves no further."""
    return f"tree-{min(depth, 6)}"
