"""Midjourney tasks without a network: made as they come in, given to accounts, ended as their provider would."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.accounts.models import Workspace
from apps.byoa import selectors as byoa
from apps.byoa.models import Account
from apps.core.envelopes import ERROR_KINDS
from apps.core.errors import DomainError
from apps.tasks.models import Attempt, Task
from apps.tasks.services import finish
from apps.tasks.services.dispatch import dispatch
from tests.factories import task
from tests.tasks.rows import again

CAT: dict[str, Any] = {"prompt": "a cat"}
# Of a grid of pictures, as a provider or the engine would have it made.
OUTPUT: dict[str, Any] = {
    "image_url": "http://testserver/files/mj/grid.png",
    "image_urls": None,
    "temporary_image_urls": None,
    "discord_image_url": "",
    "actions": [],
    "progress": 100,
    "intermediate_image_urls": None,
}


def as_of_now(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an account, those that are functions called: a suite may go on past midnight."""
    return {name: value() if callable(value) else value for name, value in fields.items()}


def today() -> date:
    return datetime.now(UTC).date()


def yesterday() -> date:
    return today() - timedelta(days=1)


def midjourney(
    workspace: Workspace, task_type: str = "imagine", *, service_mode: str = "", **given: Any
) -> Task:
    """A task as it comes in; of imagine the prompt is "a cat" unless one is given."""
    values = {**CAT, **given} if task_type == "imagine" else given
    byoa.forget_pool()
    return task(
        workspace, model="midjourney", task_type=task_type, input=values, service_mode=service_mode
    )


def upscaled(parent: Task, index: str = "1", **given: Any) -> Task:
    return midjourney(
        parent.workspace, "upscale", origin_task_id=str(parent.id), index=index, **given
    )


def varied(parent: Task, index: str = "1", **given: Any) -> Task:
    return midjourney(
        parent.workspace, "variation", origin_task_id=str(parent.id), index=index, **given
    )


def ended(made: Task, **facts: Any) -> Task:
    """It ends well, wherever it runs."""
    now = again(made)
    result = finish.Result(output=dict(OUTPUT), engine=now.provider, facts=facts)
    assert finish.complete(task_id=now.id, attempt=now.attempt, result=result)
    return again(made)


def failed(made: Task, *, is_inputs_fault: bool = False) -> Task:
    """It ends without a result; by its input's fault or not."""
    failure = finish.Failure(11002, "The provider's moderation refused it. Nothing was charged.")
    if is_inputs_fault:
        failure = finish.Failure(failure.code, failure.message, is_inputs_fault=True)
    assert finish.fail(task_id=made.id, failure=failure)
    return again(made)


def done(workspace: Workspace, task_type: str = "imagine", **given: Any) -> Task:
    """A task that was made, given to an account and ended well."""
    made = midjourney(workspace, task_type, **given)
    dispatch()
    return ended(made)


def account_of(made: Task) -> Account | None:
    """Where its newest attempt runs or ran."""
    newest = Attempt.objects.filter(task=made).order_by("-number").first()
    if newest is None or newest.account_id is None:
        return None
    return Account.objects.across_workspaces().get(pk=newest.account_id)


def place(made: Task) -> str:
    """Where it is: "A fast", "public Operator fast", "pending" or its state."""
    now = again(made)
    if now.status != "processing":
        return f"{'public ' if now.service_mode == 'public' else ''}{now.status}"
    found = account_of(now)
    who = now.provider if found is None else found.label
    pool = "public " if now.service_mode == "public" else ""
    return f"{pool}{who} {now.process_mode}"


def refusal(error: DomainError) -> str:
    """Status and code, as the API would say it: "503/10800"."""
    kind = ERROR_KINDS[error.type]
    return f"{kind.http}/{kind.code}"
