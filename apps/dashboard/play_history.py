"""What ran before in a playground."""

from dataclasses import dataclass

from apps.dashboard import viewer
from apps.dashboard.http import DashboardRequest
from apps.tasks.models import Task
from apps.tasks.selectors import play

MINE, TEAM = "mine", "team"
_LIMIT = 20
_WORDS = ("prompt", "text", "gpt_description_prompt", "title")


@dataclass(frozen=True)
class Run:
    """An earlier task: `picture` is the address of one that it made, `words` what was asked for."""

    task: Task
    picture: str
    words: str


@dataclass(frozen=True)
class History:
    """The newest runs of one model, those of the person or of the whole team."""

    whose: str
    runs: list[Run]

    @property
    def is_unfinished(self) -> bool:
        return any(not run.task.is_finished for run in self.runs)


def history(request: DashboardRequest, *, model: str, task_type: str) -> History:
    """As `?history=` asks; mine, unless it says team."""
    whose = TEAM if request.GET.get("history") == TEAM else MINE
    found = play.newest_runs(
        workspace_id=request.workspace.pk,
        model=model,
        task_type=task_type,
        limit=_LIMIT,
        created_by_id=request.user.pk if whose == MINE else None,
    )
    return History(whose, [_run(one.task, one.kept) for one in found])


def _run(task: Task, kept: frozenset[str]) -> Run:
    pictures = [one.url for one in viewer.shown(task).pictures if one.path in kept]
    words = (task.input.get(name) for name in _WORDS)
    said = next((word for word in words if isinstance(word, str) and word), "")
    return Run(task, pictures[0] if pictures else "", said)
