"""The first hour: what a new workspace does once, ticked off by what really happened and never by a click."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Exists
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.models import ApiKey, Workspace
from apps.accounts.policies import Permission
from apps.billing.models import Payment
from apps.dashboard import playground
from apps.dashboard.http import DashboardRequest, allowed
from apps.notifications.models import Delivery
from apps.notifications.selectors import listening
from apps.tasks.models import Status, Task

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
    makers: tuple[tuple[Permission, Callable[[str, _Facts], Step]], ...] = (
        (Permission.RUN_TASKS, _task),
        (Permission.MANAGE_OWN_KEYS, _key),
        (Permission.MANAGE_OWN_KEYS, _webhook),
        (Permission.MANAGE_BILLING, _top_up),
    )
    mine = [make for permission, make in makers if allowed(request, permission)]
    if not mine:
        return None
    facts = _facts(request.workspace.pk)
    found = FirstHour([make(request.workspace.slug, facts) for make in mine])
    return found if found.next is not None else None


def hide(request: DashboardRequest) -> tuple[str, int]:
    """The cookie that puts the list of this workspace away, and its seconds."""
    return _cookie(request), _HIDDEN_SECONDS


def _cookie(request: DashboardRequest) -> str:
    return f"{_HIDDEN}-{request.workspace.pk}"


@dataclass(frozen=True)
class _Facts:
    """What has happened in the workspace, ever."""

    completed: bool
    made_key: bool
    used_key: bool
    has_endpoint: bool
    was_told: bool
    has_paid: bool


def _facts(workspace_id: int) -> _Facts:
    """All of it in one look: the list is part of a page that has much else to ask for."""
    keys = ApiKey.objects.of(workspace_id)
    told = Delivery.objects.of(workspace_id).filter(state=Delivery.State.DELIVERED)
    found = Workspace.objects.filter(pk=workspace_id).values(
        completed=Exists(Task.objects.of(workspace_id).filter(status=Status.COMPLETED)),
        made_key=Exists(keys),
        used_key=Exists(keys.filter(last_used_at__isnull=False)),
        has_endpoint=Exists(listening.endpoints(workspace_id=workspace_id)),
        was_told=Exists(told),
        has_paid=Exists(Payment.objects.of(workspace_id)),
    )
    return _Facts(**found.get())


def _task(slug: str, facts: _Facts) -> Step:
    first = playground.first_task()
    return Step(
        title=_("Run your first task"),
        text=(
            _(
                "{model} needs only a sentence and takes some seconds. It is filled in for you."
            ).format(model=_(first.title))
            if first
            else _("No model can run now. Ask the operator of this installation.")
        ),
        url=(
            reverse("dashboard:play", args=[slug, first.model, first.task_type])
            if first
            else reverse("dashboard:models", args=[slug])
        ),
        action=_("Open it") if first else _("See the models"),
        is_done=facts.completed,
    )


def _key(slug: str, facts: _Facts) -> Step:
    return Step(
        title=_("Call it from your code"),
        text=(
            _("Your key is made and waits for its first call.")
            if facts.made_key and not facts.used_key
            else _(
                "A key does what you do here by hand. One for each app, so that one can be revoked alone."
            )
        ),
        url=reverse(
            "dashboard:keys" if facts.made_key else "dashboard:key_create",
            args=[slug],
        ),
        action=_("See your keys") if facts.made_key else _("Create a key"),
        is_done=facts.used_key,
    )


def _webhook(slug: str, facts: _Facts) -> Step:
    return Step(
        title=_("Hear when a task ends"),
        text=_("Give us an address, and we call it when a task ends. You need not poll."),
        url=reverse(
            "dashboard:webhooks" if facts.has_endpoint else "dashboard:webhooks_new", args=[slug]
        ),
        action=_("See your endpoint") if facts.has_endpoint else _("Add an endpoint"),
        is_done=facts.was_told,
    )


def _top_up(slug: str, facts: _Facts) -> Step:
    return Step(
        title=_("Add credits"),
        text=_(
            "From $3, by card or crypto. Bought credits are used after those that you were given."
        ),
        url=reverse("dashboard:billing_topup", args=[slug]),
        action=_("Top up"),
        is_done=facts.has_paid,
    )
