"""A workspace in which something of everything has happened, and one in which nothing has."""

from datetime import UTC, datetime, timedelta

from apps.accounts.models import Workspace
from apps.tasks.models import FailureCode
from apps.tasks.services import finish
from apps.tasks.services.execute import execute
from tests.factories import WorkspaceFactory, claimed, member, task
from tests.factories.announcements import announced
from tests.factories.billing import payment, subscription
from tests.factories.own import bridge_account
from tests.factories.usage import slice_of, took
from tests.llm.rows import attempt, key_of

_PROMPTS = (
    "A fox by a lake at dawn, soft light",
    "Paper-cut mountains with a red sun",
    "A lighthouse in a storm, oil on canvas",
    "An orange cat on a window sill",
)
_MODELS = ("kling", "Qubico/flux1-schnell", "midjourney", "gpt-4o-mini")


def lively() -> Workspace:
    """A Developer workspace with a month behind it."""
    workspace = WorkspaceFactory.create(name="Acme Studio")
    for role in ("developer", "viewer", "billing"):
        member(workspace, role)
    payment(workspace, usd=50)
    subscription(workspace)
    _tasks(workspace)
    _calls(workspace)
    _days(workspace)
    bridge_account(workspace, "Studio A")
    announced()
    return workspace


def quiet() -> Workspace:
    """A workspace as it is right after signing up."""
    return WorkspaceFactory.create(name="Fresh start")


def _tasks(workspace: Workspace) -> None:
    for n, prompt in enumerate(_PROMPTS):
        made = task(
            workspace,
            model="modelyard/illustration",
            task_type="text-to-image",
            input={"prompt": prompt, "width": 256, "height": 256, "seed": n},
        )
        execute(task_id=made.id)
    claim = claimed(workspace)
    finish.fail(
        task_id=claim.task.id, attempt=claim.attempt, failure=_refused("The prompt was refused.")
    )
    finish.cancel(task=task(workspace))
    claimed(workspace)
    for _ in _PROMPTS:
        task(workspace)


def _refused(message: str) -> finish.Failure:
    return finish.Failure(code=FailureCode.PROVIDER_MODERATED, message=message)


def _calls(workspace: Workspace) -> None:
    key = key_of(workspace, "Chat bot")
    for n in range(12):
        attempt(workspace, key=key, input_tokens=200 + 40 * n, output_tokens=30 * n, points=40 + n)
    attempt(workspace, key=key, end="upstream_cut", points=0, usage_source="none")


def _days(workspace: Workspace) -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(1, 31):
        for n, model in enumerate(_MODELS):
            slice_of(
                workspace,
                starts_at=midnight - timedelta(days=day),
                model=model,
                is_call=model.startswith("gpt"),
                completed=20 + (day * (n + 3)) % 17,
                refused=day % 3,
                charged_points=100_000 * (n + 1) + 7_000 * ((day * 5) % 11),
                **took(2_000 * (n + 1), 20),
            )
