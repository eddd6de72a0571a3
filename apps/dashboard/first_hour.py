"""The first hour: what a new workspace does once, ticked off by what really happened and never by a click."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from apps.accounts import selectors as accounts
from apps.accounts.policies import Permission
from apps.billing.selectors import payments
from apps.dashboard import playground
from apps.dashboard.http import DashboardRequest, allowed
from apps.notifications import selectors as notifications
from apps.notifications.models import Delivery
from apps.tasks import selectors as tasks
from apps.tasks.models import Status
from apps.tasks.selectors import TaskFilter

_HIDDEN = "first-hour-hidden"
_HIDDEN_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Step:
    """A line of the list: what is to do, why, and where; `action` is the words of its button."""

    title: str
    text: str
    url: str
    action: str
    is_done: bool


@dataclass(frozen=True)
class FirstHour:
    steps: list[Step]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def next(self) -> Step | None:
        """The first that is still to do."""
        return next((step for step in self.steps if not step.is_done), None)


def first_hour(request: DashboardRequest) -> FirstHour | None:
    """The steps that the person may take; None when all are done, or the person has put the list away."""
    if request.COOKIES.get(_cookie(request)):
        return None
    makers: tuple[tuple[Permission, Callable[[DashboardRequest], Step]], ...] = (
        (Permission.RUN_TASKS, _task),
        (Permission.MANAGE_OWN_KEYS, _key),
        (Permission.RUN_TASKS, _webhook),
        (Permission.MANAGE_BILLING, _top_up),
    )
    steps = [make(request) for permission, make in makers if allowed(request, permission)]
    found = FirstHour(steps)
    return found if found.next is not None else None


def hide(request: DashboardRequest) -> tuple[str, int]:
    """The cookie that puts the list of this workspace away, and its seconds."""
    return _cookie(request), _HIDDEN_SECONDS


def _cookie(request: DashboardRequest) -> str:
    return f"{_HIDDEN}-{request.workspace.pk}"


def _task(request: DashboardRequest) -> Step:
    done = tasks.newest_tasks(
        workspace_id=request.workspace.pk, limit=1, filter=TaskFilter(status=Status.COMPLETED)
    )
    first = playground.first_task()
    slug = request.workspace.slug
    return Step(
        title="Run your first task",
        text=(
            f"{first.title} needs only a sentence and takes some seconds. It is filled in for you."
            if first
            else "No model can run now. Ask the operator of this installation."
        ),
        url=(
            reverse("dashboard:play", args=[slug, first.model, first.task_type])
            if first
            else reverse("dashboard:models", args=[slug])
        ),
        action="Open it" if first else "See the models",
        is_done=bool(done.items),
    )


def _key(request: DashboardRequest) -> Step:
    made, used = accounts.keys_used(workspace_id=request.workspace.pk)
    slug = request.workspace.slug
    return Step(
        title="Call it from your code",
        text=(
            "Your key is made and waits for its first call."
            if made and not used
            else "A key does what you do here by hand. One for each app, so that one can be revoked alone."
        ),
        url=reverse("dashboard:keys" if made else "dashboard:key_create", args=[slug]),
        action="See your keys" if made else "Create a key",
        is_done=used,
    )


def _webhook(request: DashboardRequest) -> Step:
    told = notifications.newest_deliveries(
        workspace_id=request.workspace.pk, limit=1, state=Delivery.State.DELIVERED
    )
    return Step(
        title="Hear when a task ends",
        text="Give a task an address in config.webhook_config, and we call it when the task ends. You need not poll.",
        url=reverse("api:docs"),
        action="Read how",
        is_done=bool(told.items),
    )


def _top_up(request: DashboardRequest) -> Step:
    return Step(
        title="Add credits",
        text="From $3, by card or crypto. Bought credits are used after those that you were given.",
        url=reverse("dashboard:billing_topup", args=[request.workspace.slug]),
        action="Top up",
        is_done=payments.has_paid(workspace_id=request.workspace.pk),
    )
